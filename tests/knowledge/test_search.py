"""A search finds what answers, for whom it may answer, and says how sure it is."""

from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.knowledge.conftest import Library

SHOP = """# فروشگاه سپید

## ساعت کاری
شنبه تا چهارشنبه از ۹ تا ۲۱ باز است.

## جمعه
جمعه‌ها فروشگاه بسته است.

## هزینه ارسال
هزینه ارسال به شهرهای دیگر ۸۰٬۰۰۰ تومان است.

## بازگشت کالا
کالا را تا هفت روز می‌توانید پس بدهید.

## گارانتی
گارانتی همه گوشی‌ها هجده ماه است.
"""


@dataclass(frozen=True)
class Turn:
    role: str
    text: str


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("ساعت كاري فروشگاه چنده؟", "شنبه"),
        ("میتوانید بگید کالا رو تا چند روز میشه پس داد", "کالا"),
        ("گارنتی گوشیها", "گارانتی"),
        ("ارسال 80000 تومان", "هزینه"),
    ],
)
async def test_words(library: Library, question: str, answer: str) -> None:
    """
    Arabic letters, missing half-spaces, a dropped letter and ASCII digits find their passage.
    """
    await library.add(SHOP)

    assert (await library.texts(question))[0].startswith(answer)


async def test_meaning(library: Library) -> None:
    """
    A question in other words finds its passage when there is a model, and nothing of use without.
    """
    await library.add(SHOP)
    assert await library.texts("کرایه پست چقدر است؟") == []

    library.with_model()
    [asset] = [row[0] for row in await library.rows("SELECT id FROM knowledge_assets")]
    await library.ingest(asset)  # type: ignore[arg-type]

    assert (await library.texts("کرایه پست چقدر است؟"))[0].startswith("هزینه ارسال")


async def test_model_away(library: Library) -> None:
    """
    A model that fails while a question is asked leaves the answer to the words.
    """
    library.with_model()
    await library.add(SHOP)

    library.model.status = 500

    assert (await library.texts("گارانتی گوشی"))[0].startswith("گارانتی")


async def test_history(library: Library) -> None:
    """
    A question that leaves out its subject is understood from the turns before it.
    """
    await library.add("# یخچال\n\nضمانت آن دو سال است.\n\n# تلویزیون\n\nضمانت آن پنج سال است.\n")
    earlier = [Turn("customer", "قیمت تلویزیون چند است؟"), Turn("system", "یخچال یخچال"), Turn("bot", "هفت میلیون")]

    with_history = await library.texts("ضمانتش چطور؟", history=earlier)

    assert with_history[0] == "ضمانت آن پنج سال است."


async def test_history_stays_behind(library: Library) -> None:
    """
    A whole question is answered by itself, whatever was talked about before.
    """
    await library.add(SHOP)
    earlier = [Turn("customer", "گارانتی گوشی‌ها چقدر است؟"), Turn("bot", "گارانتی همه گوشی‌ها هجده ماه است.")]

    assert (await library.texts("هزینه ارسال به شهرهای دیگر", history=earlier))[0].startswith("هزینه")


@pytest.mark.parametrize("with_model", [False, True])
async def test_confidence(library: Library, with_model: bool) -> None:
    """
    The confidence of a question that the documents answer is above that of one they only share a word with.
    """
    if with_model:
        library.with_model()
    await library.add(SHOP)
    search = library.searcher().of(library.tenant.id)

    sure = await search("هزینه ارسال به شهرهای دیگر چقدر است؟", (), 5)
    unsure = await search("رنگ گوشی موجود در انبار تهران چیست؟", (), 5)

    assert sure.confidence > 0.5 > unsure.confidence
    assert sure.passages[0].coverage == 1
    assert sure.passages[0].title == "فروشگاه سپید"
    assert sure.passages[0].place == "فروشگاه سپید › هزینه ارسال"
    assert sure.passages[0].terms_rank == 0
    assert sure.index_version.startswith("sparse-v1")


async def test_limit_and_brand(library: Library) -> None:
    """
    No more passages than asked for, and those of the brand's documents alone.
    """
    brand = uuid4()
    await library.add(SHOP)
    await library.add("# تخفیف\n\nتخفیف گارانتی گوشی برای مشتریان ویژه.", name="ت.md", brands=(brand,))

    assert len(await library.texts("گارانتی گوشی فروشگاه", limit=1)) == 1
    for_others = await library.searcher().of(library.tenant.id, uuid4())("گارانتی گوشی", (), 9)
    assert not [p for p in for_others.passages if p.title == "تخفیف"]
    for_it = await library.searcher().of(library.tenant.id, brand)("تخفیف گارانتی", (), 9)
    assert for_it.passages[0].title == "تخفیف"


async def test_nothing_uploaded(library: Library) -> None:
    """
    Before the first document a search finds nothing, surely.
    """
    answer = await library.searcher().search(library.tenant.id, "سلام ساعت کاری؟")

    assert answer.passages == ()
    assert answer.confidence == 0


async def test_only_small_words(library: Library) -> None:
    """
    A question without a word that means something is no error.
    """
    await library.add(SHOP)

    assert (await library.searcher().search(library.tenant.id, "این چیه؟")).passages == ()
    assert (await library.searcher().search(library.tenant.id, "")).passages == ()
