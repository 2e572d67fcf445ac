"""Values on their way into jsonb: what Postgres refuses goes, what somebody typed stays."""

import json

import pytest

from shared.store.jsonb import dumps


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\0", ""),
        ("سلام\0\0دنیا", "سلامدنیا"),
        (r"\u0000", r"\u0000"),
        (r"\\u0000 را ننویسید", r"\\u0000 را ننویسید"),
        ("\\\0", "\\"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("😀", "😀"),
    ],
)
def test_text(text: str, kept: str) -> None:
    """U+0000 and half a surrogate pair can't be kept; the six characters that a customer types for one can."""
    assert json.loads(dumps({text: [text]})) == {kept: [kept]}
    dumps(text).encode()
