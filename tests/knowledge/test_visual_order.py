"""What stands on a line from left to right is read in its own order again, whatever it mixes."""

import pytest
from fpdf.bidi import BidiParagraph, TextDirection

from shared.knowledge.pdf.visual_order import logical, unmatched

PERSIAN = """
کد ورود باشگاه ستاره در سال ۱۴۰۵ عدد ۷۳۹۱ است.
شماره تماس ما ۰۲۱-۸۸۷۷۶۶۵۵ است و کالاها را تا ۷ روز پس می گیریم.
مبلغ ۵۰٬۰۰۰ تومان، ۱٬۲۰۰٬۰۰۰ تومان یا ۳٫۵ درصد
گارانتی دستگاه iPhone 15 Pro مدل A2848 تا 26 ماه است (نه 24 ماه).
لطفاً به نشانی https://shop.example/help سر بزنید یا به info@shop.example ایمیل بزنید.
«نقل قول» و (پرانتز) و [کروشه] و ۲۵٪ تخفیف + ۳×۲ = ۶ و تاریخ ۱۴۰۴/۰۵/۱۲.
ساعت کاری ۹:۳۰ الی ۲۱:۰۰
۰۲۱-۸۸۷۷۶۶۵۵ شماره ماست
حافظه ۱۶ GB و پردازنده Intel Core i7 (نسل ۱۲) با 4GB رم
گوشی iPhone (Pro) است، نه X-15
قیمت 45,000 تومان (با 9% مالیات)
تماس: +98 912 345 6789
الف) نخست، ب) دوم
1404-05-12 تا
ناوهای Vallejo (1852–1853) و Benicia (1854)
کد پیگیری AB-1234-XY است
This is an English paragraph with (brackets) and 3,500 things.
""".strip().splitlines()
ENGLISH = """
The word سلام means hello (and خداحافظ is goodbye).
Call 021-8877 for ساعت کاری ما and ask.
""".strip().splitlines()


def seen(text: str, *, rtl: bool) -> list[str]:
    """*text* from left to right, as Unicode's algorithm lays it out; its brackets as they are meant."""
    direction = TextDirection.RTL if rtl else TextDirection.LTR
    return [one.character for one in BidiParagraph(text, direction).get_reordered_characters()]


@pytest.mark.parametrize("text", PERSIAN)
def test_persian(text: str) -> None:
    """A Persian line with numbers, Latin words and brackets comes out as it was written."""
    assert logical(seen(text, rtl=True), rtl=True, mirrored=False) == text


@pytest.mark.parametrize("text", ENGLISH)
def test_english(text: str) -> None:
    """So does an English line with Persian in it."""
    assert logical(seen(text, rtl=False), rtl=False, mirrored=False) == text


def test_brackets_as_they_look() -> None:
    """Brackets noted as they look are turned round; a wrong guess at that shows by closing what isn't open."""
    looks = list(reversed("قیمت )با مالیات( «ثابت»".translate(str.maketrans("«»", "»«"))))

    assert logical(looks, rtl=True, mirrored=True) == "قیمت (با مالیات) «ثابت»"
    assert unmatched(logical(looks, rtl=True, mirrored=True)) == 0
    assert unmatched(logical(looks, rtl=True, mirrored=False)) == 2


@pytest.mark.parametrize("number", ["1404/05/12", "۰۲۱-۸۸۷۷۶۶۵۵", "+98 912 345 6789", "0912 345 6789"])
def test_number_by_itself(number: str) -> None:
    """A date or a phone number in a cell of its own is not turned round."""
    assert logical(list(number), rtl=True) == number


def test_wrapped_latin() -> None:
    """Latin words that go on in the next line keep their comma behind them."""
    line = [*"FreeBSD, ", *reversed("مانند")]

    assert logical(line, rtl=True) == "مانند FreeBSD,"
