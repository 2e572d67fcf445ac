"""Cutting an answer into pieces while it still arrives."""

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.answering.sentences import PieceStream, pieces

TEXTS = st.lists(
    st.sampled_from(
        [
            "سلام",
            ".",
            "؟",
            " ",
            "\n",
            "[1]",
            "[",
            "]",
            "۹.۵",
            "3",
            "Mr.",
            "…",
            "https://a.ir/x?y=1",
            "!",
            "«",
            "»",
            "<",
            "است",
        ]
    ),
    max_size=40,
).map("".join)


def test_pieces() -> None:
    """Each piece is a sentence with the white space behind it; a late citation belongs to the sentence before."""
    assert pieces("باز است. [1] جمعه نه! [2][3]\nبله؟") == ["باز است [1]. ", "جمعه نه [2][3]!\n", "بله؟"]


@settings(max_examples=200)
@given(TEXTS, st.integers(1, 7))
def test_stream_is_whole(text: str, size: int) -> None:
    """However a text is cut on its way, the same words come out in the same order."""
    stream = PieceStream()
    out = [p for n in range(0, len(text), size) for p in stream.feed(text[n : n + size])] + stream.rest()

    assert letters("".join(out)) == letters(text)


@settings(max_examples=200)
@given(TEXTS, st.integers(1, 7))
def test_stream_cuts_alike(text: str, size: int) -> None:
    """A text that comes in bits is cut into the sentences that it would be cut into at once."""
    stream = PieceStream()
    out = [p for n in range(0, len(text), size) for p in stream.feed(text[n : n + size])] + stream.rest()

    assert [p.strip() for p in out] == [p.strip() for p in pieces(text)]


def test_endless_sentence() -> None:
    """A text without an end is cut all the same."""
    stream = PieceStream()

    assert sum(len(stream.feed("بی‌پایان ")) for _ in range(1000)) >= 1


def letters(text: str) -> list[str]:
    return sorted(c for c in text if not c.isspace())
