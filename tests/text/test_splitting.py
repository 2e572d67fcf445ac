"""Long answers leave in pieces that a channel takes and a reader can follow."""

import pytest
import regex
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.text.splitting import Unit, split

ZWNJ = "\u200c"
UNITS: list[Unit] = ["utf16", "chars", "bytes"]


def size(text: str, unit: Unit) -> int:
    """Counted independently of the code under test."""
    return {
        "utf16": len(text.encode("utf-16-le", "surrogatepass")) // 2,
        "chars": len(text),
        "bytes": len(text.encode("utf-8", "surrogatepass")),
    }[unit]


def without_space(text: str) -> str:
    return "".join(text.split())


WORDS = st.sampled_from(
    [
        "سلام",
        "می‌رسد",
        "کتاب‌خانه‌ها",
        "۱۲۳٬۴۵۶",
        "3.14",
        "order",
        "👨‍👩‍👧‍👦",
        "🇮🇷🇩🇪",
        "é",
        "عَلَیکُم",
        "https://xinbot.ir/a?b=ج",
        "x" * 30,
    ]
)
GAPS = st.sampled_from(
    [" ", "  ", "\n", "\n\n", "\r\n", ". ", "؟ ", "؛ ", "! ", ".\n\n", "\u00a0", f"{ZWNJ} ", "", "-", "\t"]
)
PROSE = st.lists(st.tuples(WORDS, GAPS), max_size=60).map(lambda pairs: "".join(word + gap for word, gap in pairs))
ANYTHING = st.text(
    st.characters(codec="utf-8") | st.sampled_from([*" \n\u200c\u200d\u0301\U0001f1ee🌷ی\r"]), max_size=200
)
HALF_SPACED = st.sampled_from(["می‌رسد", "نمی‌خواهم", "کتاب‌خانه‌های", "آن‌ها", "سلام"])


@given(text=PROSE | ANYTHING, limit=st.integers(4, 60), unit=st.sampled_from(UNITS))
def test_nothing_lost(text, limit, unit):
    """
    Every piece fits, and together they hold everything but white space at the cuts; a text that fits stays as it is.
    """
    pieces = split(text, limit, unit)

    assert all(size(piece, unit) <= limit for piece in pieces)
    assert without_space("".join(pieces)) == without_space(text)
    assert all(piece.strip() for piece in pieces) or pieces == [text]
    if size(text, unit) <= limit:
        assert pieces == ([text] if text else [])
    position = 0
    for piece in pieces:  # only white space stands between two pieces
        place = text.index(piece, position)
        assert not text[position:place].strip()
        position = place + len(piece)


@given(text=PROSE | ANYTHING, limit=st.integers(4, 60), unit=st.sampled_from(UNITS))
def test_graphemes_stay_whole(text, limit, unit):
    """
    No letter is parted from its marks, no family from its members, unless one grapheme alone is over the limit.
    """
    graphemes = regex.findall(r"\X", text)
    assume(all(size(grapheme, unit) <= limit for grapheme in graphemes))
    borders, place = {0}, 0
    for grapheme in graphemes:
        place += len(grapheme)
        borders.add(place)

    position = 0
    for piece in split(text, limit, unit):
        start = text.index(piece, position)
        position = start + len(piece)
        assert {start, position} <= borders


@given(words=st.lists(HALF_SPACED, min_size=1, max_size=40), unit=st.sampled_from(UNITS))
def test_never_after_zwnj(words, unit):
    """
    A piece never ends on a half-space, even where one endless word has to be cut.
    """
    for joined in (" ".join(words), ZWNJ.join(words), "".join(words)):
        for piece in split(joined, 24, unit):
            assert not piece.endswith(ZWNJ)
            assert not piece.startswith(ZWNJ)


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("بند یک است.\n\nدو است. و این دو", 22, ["بند یک است.", "دو است. و این دو"]),
        (f"یک دو{ZWNJ} سه", 7, ["یک", f"دو{ZWNJ} سه"]),
        ("جمله یک است. جمله دو؟ جمله سه هم", 26, ["جمله یک است. جمله دو؟", "جمله سه هم"]),
        ("یکی آمد؛ دیگری رفت و نیامد", 20, ["یکی آمد؛ دیگری رفت و", "نیامد"]),
        ("یکی که آمد؛ دیگری رفت", 16, ["یکی که آمد؛", "دیگری رفت"]),
        ("خط یکم ما\nخط دوم ما و", 14, ["خط یکم ما", "خط دوم ما و"]),
        ("قیمت آن 3.14 تومان است", 12, ["قیمت آن 3.14", "تومان است"]),
        ("سلام" + "خ" * 20, 10, ["سلام" + "خ" * 6, "خ" * 10, "خ" * 4]),
        ("   آغاز و پایان   ", 8, ["آغاز و", "پایان"]),
        ("آ" + " " * 30 + "ب", 10, ["آ", "ب"]),
        ("🇮🇷🇮🇷🇮🇷", 5, ["🇮🇷🇮🇷", "🇮🇷"]),
    ],
)
def test_where_it_cuts(text, limit, pieces):
    """
    A paragraph is preferred to a sentence, a sentence or line to a word, as long as the piece is half full.
    """
    assert split(text, limit, "chars") == pieces


def test_no_crumbs():
    """
    A heading isn't sent alone to honour its paragraph: fewer messages cost the tenant less.
    """
    pieces = split("عنوان\n\n" + "کلمه " * 30, 100, "chars")

    assert len(pieces) == 2
    assert len(pieces[0]) > 50


@pytest.mark.parametrize("unit", UNITS)
def test_grapheme_over_the_limit(unit):
    """
    The provider's limit is harder than the beauty of a grapheme: marks without end are cut between code points.
    """
    pieces = split("a" + "\u0301" * 50, 10, unit)

    assert "".join(pieces) == "a" + "\u0301" * 50
    assert all(size(piece, unit) <= 10 for piece in pieces)


def test_space_with_a_mark():
    """
    A space that carries a mark is a letter, and not lost at a cut.
    """
    assert without_space("".join(split("aaaa \u0301bbbb", 5, "chars"))) == "aaaa\u0301bbbb"
    assert split("  \u064dسلام سلام", 7, "chars") == [" \u064dسلام", "سلام"]


def test_space_with_a_skin_tone():
    """
    A skin tone behind a space makes one grapheme with it, which is not cut.
    """
    assert split("aaaaa \U0001f3fdR", 5, "utf16") == ["aaaaa", " \U0001f3fdR"]


def test_too_small_a_limit():
    """
    A limit below one character can't be kept.
    """
    with pytest.raises(ValueError):
        split("سلام", 3, "bytes")
