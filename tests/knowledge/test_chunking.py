"""Passages are small, whole, in order, and under their headings."""

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.knowledge.chunking import PASSAGE_CHARACTERS, TAIL_CHARACTERS, indexed_text, passages
from shared.knowledge.documents import Section


def test_short_section() -> None:
    """A section that fits is one passage, with its headings as its place."""
    [passage] = passages([Section(("راهنما", "ساعت کاری"), "از ۹ تا ۲۱.\n\nجمعه بسته است.")])

    assert passage.place == "راهنما › ساعت کاری"
    assert passage.text == "از ۹ تا ۲۱.\n\nجمعه بسته است."


def test_headings_part() -> None:
    """A passage never crosses a heading: neighbours may answer different questions."""
    cut = list(passages([Section(("الف",), "یک."), Section(("ب",), "دو.")]))

    assert [p.text for p in cut] == ["یک.", "دو."]


def test_long_paragraph() -> None:
    """A paragraph over the limit is cut between sentences, and no short rest is left alone."""
    sentence = "این کالا تا هفت روز پس از تحویل بدون پرسش پس گرفته می‌شود."
    cut = [p.text for p in passages([Section((), " ".join([sentence] * 40))])]

    assert all(text.startswith("این") and text.endswith("می‌شود.") for text in cut)
    assert all(TAIL_CHARACTERS <= len(text) <= PASSAGE_CHARACTERS + TAIL_CHARACTERS + 2 for text in cut)


@settings(max_examples=60)
@given(st.lists(st.text(alphabet=st.sampled_from("اب.؟ \n"), max_size=400), max_size=4), st.integers(20, 80))
def test_nothing_lost(texts: list[str], limit: int) -> None:
    """Every letter of every section is in exactly one passage, in order, and none is far over the limit."""
    cut = [p.text for p in passages([Section((), t) for t in texts], limit=limit)]

    assert "".join("".join(cut).split()) == "".join("".join(texts).split())
    assert all(len(text) <= limit + TAIL_CHARACTERS + 2 for text in cut)
    assert all(text.strip() for text in cut)


def test_indexed_text() -> None:
    """Title and headings are searched like the words under them; a title that is the first heading counts once."""
    assert indexed_text("راهنما", "راهنما › ارسال", "رایگان") == "راهنما › ارسال\nرایگان"
    assert indexed_text("FAQ", "Hours", "9 to 5") == "FAQ\nHours\n9 to 5"
