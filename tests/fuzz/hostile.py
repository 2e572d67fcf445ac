"""Values that break parsers: what JSON, Unicode, Postgres and Python each find hard."""

import json
import os
import random
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(os.environ["XIN_DATA"]) if "XIN_DATA" in os.environ else None
"""Data that isn't ours; what needs it is skipped without."""

TEXTS = (
    "",
    " ",
    "\t\n\r",
    "0",
    "-1",
    "null",
    "سلام، سفارش ۱۲۳۴۵ کجاست؟",
    "می‌خواهم\u200c\u200c",
    "\u200c",
    "\u200d\u200c\u200d",
    "\x00",
    "سلام\x00دنیا",
    "\ud800",
    "\udfff\ud83d",
    "\ufeff\ufffe\uffff",
    "\u202eabc\u202c\u2066",
    "😀",
    "👨‍👩‍👧‍👦🇮🇷🏳️‍🌈",
    "e\u0301" * 40,
    "ﷺ" * 20,
    "ا\u064b\u064c\u064d" * 30,
    "\\u0000",
    "\\\\u0000",
    "\\",
    '"',
    "'; DROP TABLE messages; --",
    "${jndi:ldap://127.0.0.1/a}",
    "{{7*7}}%s%n%x{name}",
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
    "1e400",
    "NaN",
    "-Infinity",
    "1790000000",
    "99999999999999999999",
    "2026-11-24T10:00:00Z",
    "2021-09-08T06:34:04+0000",
    "x" * 300,
    "ش" * 1500,
    "/start " + "a" * 64,
    "\u0085\u2028\u2029",
    "\x1b[31m\x7f\x80",
    "\U0010ffff\U000e0041",
)
NUMBERS: tuple[Any, ...] = (
    0,
    -1,
    1,
    2**31,
    -(2**31) - 1,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    2**64,
    10**30,
    10**309,
    -0.0,
    0.1,
    1e308,
    -1e308,
    5e-324,
    1.5e9,
    253402300800,
    253402300800000,
)
OTHERS = (
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "[{}]",
    '{"": ""}',
    '{"id": {}}',
    '{"id": null}',
    '["a"]',
)
"""As JSON, since what is put into a sample is changed again."""


def text(chance: random.Random) -> str:
    """A hostile text, or pieces of several."""
    kind = chance.random()
    if kind < 0.7:
        return chance.choice(TEXTS)
    if kind < 0.85:
        return "".join(chance.choice(TEXTS) for _ in range(chance.randrange(2, 6)))
    if kind < 0.9 and (naughty := naughty_strings()):
        return chance.choice(naughty)
    return "".join(chr(_point(chance)) for _ in range(chance.randrange(1, 30)))


def letters(chance: random.Random, longest: int) -> str:
    """Letters of Persian and English, spaces, half-spaces, punctuation and worse, up to *longest* characters."""
    alphabet = chance.choice(
        ("ابپتس ‌", "abc XYZ.", "سلام دنیا! ", "1234۱۲۳۴,. ", "؟?!…\n ", "a\u0301\u200d👩🏽‍🦰", "[](){}<>&;#")
    )
    extra = "".join(chance.choice(TEXTS)[:8] for _ in range(2))
    pool = alphabet * 3 + extra
    return "".join(chance.choices(pool, k=chance.randrange(longest + 1)))


def value(chance: random.Random) -> Any:
    """A hostile value of any JSON type."""
    kind = chance.random()
    if kind < 0.45:
        return text(chance)
    if kind < 0.65:
        return chance.choice(NUMBERS)
    if kind < 0.9:
        return json.loads(chance.choice(OTHERS))
    if kind < 0.93:
        return long_id(chance)
    if kind < 0.96:
        return nested(chance.choice((5, 61, 200)), chance.choice(("list", "dict")))
    return [json.loads(chance.choice(OTHERS)) for _ in range(chance.randrange(1, 50))]


def long_id(chance: random.Random) -> Any:
    """An id longer than any provider's, as text or as a number; its digits don't compress."""
    digits = chance.choice((40, 300, 1000))
    number = chance.randrange(10 ** (digits - 1), 10**digits)
    return number if chance.random() < 0.5 else str(number)


def nested(depth: int, kind: str) -> Any:
    """*depth* containers, one in another."""
    found: Any = "x"
    for _ in range(depth):
        found = [found] if kind == "list" else {"a": found}
    return found


@cache
def naughty_strings() -> tuple[str, ...]:
    """The public list; empty without XIN_DATA."""
    if DATA is None:
        return ()
    return tuple(json.loads((DATA / "hostile" / "naughty.json").read_text()))


def _point(chance: random.Random) -> int:
    low, high = chance.choice(((0, 0x7F), (0x600, 0x6FF), (0x2000, 0x206F), (0xD800, 0xDFFF), (0, 0x10FFFF)))
    return chance.randint(low, high)
