"""A PDF is read page by page, in the order of reading: Persian too, from whatever program drew it."""

import html
import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from shared.text.persian import clean
from tests.knowledge.conftest import Library
from tests.knowledge.files import read, rejected
from tests.knowledge.made_pdfs import Drawn, Objects, drawn, one_page, printed

NAME = "a.pdf"
GUIDE = Path(__file__).with_name("guide.fa.html").read_text()


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A shop's guide of four pages, printed from a browser."""
    return printed(GUIDE, tmp_path_factory.mktemp("guide") / "print", title="راهنمای مشتریان")


async def texts(tmp_path: Path, content: bytes) -> list[str]:
    return [section.text for section in (await read(tmp_path, NAME, content)).sections]


async def test_persian_print(tmp_path: Path, guide: bytes) -> None:
    """A browser's Persian PDF comes out as it was written: pages, paragraphs, half-spaces, numbers, Latin, tables."""
    document = await read(tmp_path, NAME, guide)
    first, second, third, fourth = document.sections

    assert document.title == "راهنمای مشتریان"
    assert [section.place for section in document.sections] == [("ص۱",), ("ص۲",), ("ص۳",), ("ص۴",)]
    for paragraph in re.findall(r"<p>(.*?)</p>", GUIDE.split("</section>")[0], re.DOTALL):
        assert paragraph.replace("\n", " ") in first.text.split("\n\n")
    assert "شهر | هزینه | زمان\nتهران | ۵۰٬۰۰۰ تومان | ۱ روز\niPhone 15 | Galaxy S24 | ۳ تا ۵ روز" in second.text
    assert "پنجشنبه‌ها تا ۱۴\nجمعه‌ها بسته است" in second.text
    assert "کد ورود باشگاه ستاره‌ی زرین در سال ۱۴۰۵ عدد ۷۳۹۱ است." in third.text
    assert clean("حضرت مُحَمَّد، لا إله إلا الله. لطفاً مسئله را بنویسید.") in third.text
    assert "تحویل می‌توانید پس بدهید، به شرطی که پلمب آن باز نشده باشد" in fourth.text
    assert "برای پیگیری سفارش با شماره‌ی پشتیبانی تماس بگیرید یا از صفحه‌ی سفارش‌ها" in fourth.text


async def test_running_foot(tmp_path: Path, guide: bytes) -> None:
    """What every page repeats at its edge is kept once: it may be the shop's number, and belongs to no page's text."""
    found = "\n".join(await texts(tmp_path, guide))

    assert found.count("فروشگاه سپید، تلفن ۰۲۱-۸۸۷۷۶۶۵۵") == 1


async def test_page_numbers(tmp_path: Path) -> None:
    """A page's number is no text; a number that doesn't count the pages is, wherever it stands."""
    pages = [
        [
            Drawn(60, 800, f"item {price} toman"),
            Drawn(60, 400, "delivery is free"),
            Drawn(280, 30, f"{page} / 3", size=10),
        ]
        for page, price in enumerate([500, 700, 600], 1)
    ]

    assert await texts(tmp_path, drawn(*pages)) == [
        "1 / 3\n\nitem 500 toman\n\ndelivery is free",
        "item 700 toman\n\ndelivery is free",
        "item 600 toman\n\ndelivery is free",
    ]


async def test_found(library: Library, guide: bytes) -> None:
    """Customers' questions find their passage in a Persian PDF, and its page, however they type."""
    await library.add(guide, name="راهنما.pdf")
    searcher = library.searcher()
    for question, fact, place in [
        ("کد ورود باشگاه ستاره‌ی زرین چیست؟", "۷۳۹۱", "ص۳"),
        ("كد ورود باشگاه ستارهي زرين در سال 1405", "۷۳۹۱", "ص۳"),
        ("گارانتی iPhone 15 Pro چند ماه است؟", "26 ماه", "ص۱"),
        ("هزینه ارسال به تهران چقدر است", "۵۰٬۰۰۰", "ص۲"),
        ("کالا را تا چند روز پس از تحویل می توانم پس بدهم؟", "هفت روز", "ص۴"),
    ]:
        best = (await searcher.search(library.tenant.id, question)).passages[0]

        assert fact in best.text, question
        assert (best.place, best.title) == (place, "راهنمای مشتریان")


@pytest.mark.skipif("XIN_DATA" not in os.environ, reason="needs others' Persian prose")
async def test_others_prose(tmp_path: Path) -> None:
    """Sixty Persian encyclopaedia passages come out of a browser's PDF word for word."""
    lines = Path(os.environ["XIN_DATA"], "retrieval/fa/passages.jsonl").read_text().splitlines()[:60]
    passages = [clean(json.loads(line)["text"]) for line in lines]
    body = "".join(f"<p>{html.escape(passage)}</p>" for passage in passages)

    found = "\n".join(await texts(tmp_path, printed(body, tmp_path / "print"))).split()

    assert found == " ".join(passages).split()


async def test_english(tmp_path: Path) -> None:
    """An English PDF has English places; a sentence that goes over a page's border stands whole where it begins."""
    words = "We take goods back within seven days of delivery if the seal is whole and the invoice is there"
    body = f"<p style='font-size: 40px'>{' '.join([words] * 6)}, said the shop. Then we refund.</p>"

    document = await read(tmp_path, NAME, printed(body, tmp_path / "print", lang="en", title="Customer guide"))

    assert document.title == "Customer guide"
    assert [section.place[0] for section in document.sections] == ["p1", "p2"][: len(document.sections)]
    assert document.sections[0].text.endswith("said the shop.")
    assert document.sections[1].text == "Then we refund."


def shaped(text: str) -> str:
    """*text* in presentation forms, as old programs drew Persian: «سلام» in the forms that it is joined in."""
    made = ""
    for at, letter in enumerate(text):
        before, behind = text[:at][-1:], text[at + 1 : at + 2]
        left = _joins(before) and letter.isalpha()
        right = _joins(letter) and behind.isalpha()
        form = {(False, False): "ISOLATED", (False, True): "INITIAL", (True, True): "MEDIAL", (True, False): "FINAL"}
        try:
            made += unicodedata.lookup(f"{unicodedata.name(letter)} {form[left, right]} FORM")
        except KeyError:
            made += letter
    return made


def _joins(letter: str) -> bool:
    return letter.isalpha() and letter not in "اآدذرزژوأؤإة"


async def test_presentation_forms(tmp_path: Path) -> None:
    """Presentation forms become letters, and the half-space that only showed by them is put back."""
    pieces = [shaped(word) for word in ("می", "شود", "سلام", "خانه", "ها")]
    visual = f"{pieces[0]}{pieces[1]} {pieces[2]} {pieces[3]}{pieces[4]}"[::-1]
    assert all(letter > "\ufb4f" for letter in visual if letter != " ")

    [text] = await texts(tmp_path, drawn([Drawn(100, 700, visual)]))

    assert text == "می‌شود سلام خانه‌ها"


async def test_letters_anywhere(tmp_path: Path) -> None:
    """Letters are read where they stand: drawn from either end, one by one, without spaces, twice to look bold."""
    from_right = [Drawn(200 - 6 * i, 700, letter) for i, letter in enumerate("تخفیف")]
    bold = [Drawn(200.3 - 6 * i, 700, letter) for i, letter in enumerate("تخفیف")]
    rest = [Drawn(158, 700, "ات"), Drawn(140, 700, "۲۰"), Drawn(60, 700, "دصرد")]

    assert await texts(tmp_path, drawn([*from_right, *bold, *rest])) == ["تخفیف تا ۲۰ | درصد"]


@pytest.mark.parametrize(
    "operators",
    [
        "/F 12 Tf 50 700 Td (opening ) Tj (hours) Tj",
        "/F -12 Tf -1 0 0 -1 50 700 Tm (opening hours) Tj",
        "/F 1 Tf 0 12 -12 0 50 100 Tm [(open) 20 (ing) -400 (hours)] TJ",
        "/F 12 Tf 14 TL 50 700 Td (opening) ' 50 0 TD (hours) Tj",
        "/F 12 Tf 50 Tz 3 Tc 50 700 Td <6f70656e696e6720686f757273> Tj",
    ],
)
async def test_operators(tmp_path: Path, operators: str) -> None:
    """However the operators put it (upside down and turned, sideways, spread, by a leading), a line is a line."""
    font = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"

    assert await texts(tmp_path, one_page(f"BT {operators} ET".encode(), resources=font)) == ["opening hours"]


async def test_drawn_backwards(tmp_path: Path) -> None:
    """A program that knows nothing of Persian draws it from left to right; its small words tell."""
    sentence = "ارسال به تهران از فردا است و هزینه آن ۵۰٬۰۰۰ تومان است (با بیمه)."

    assert await texts(tmp_path, drawn([Drawn(60, 700, sentence)])) == [sentence]


async def test_unseen(tmp_path: Path) -> None:
    """What no reader sees is no knowledge: beside the paper, clipped away, in no colour, or too small."""
    page = [
        Drawn(60, 700, "seen"),
        Drawn(60, 900, "above"),
        Drawn(900, 700, "beside"),
        Drawn(60, 600, "clipped", before="60 300 200 100 re W n"),
        Drawn(60, 500, "colourless", before="3 Tr"),
        Drawn(60, 400, "tiny", size=0.5),
    ]

    assert await texts(tmp_path, drawn(page)) == ["seen"]


async def test_text_layer(tmp_path: Path) -> None:
    """A scanned page's text layer, which is drawn in no colour over the picture, is read."""
    assert await texts(tmp_path, drawn([Drawn(60, 700, "opening hours", before="3 Tr")])) == ["opening hours"]


IMAGE = "<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>"


async def test_scanned(tmp_path: Path) -> None:
    """Pages that are pictures end with a reason of their own; so do pages with nothing on them."""
    objects = Objects()
    objects.add(f"{IMAGE}\nstream\n0\nendstream")
    scan = one_page(b"q 500 0 0 700 50 50 cm /I Do Q", resources="/XObject << /I 1 0 R >>", objects=objects)

    assert await rejected(tmp_path, NAME, scan) == "scanned"
    assert await rejected(tmp_path, NAME, one_page(b"BI /W 1 /H 1 /BPC 8 /CS /G ID x EI")) == "scanned"
    assert await rejected(tmp_path, NAME, one_page(b"0 0 10 10 re f")) == "empty"


async def test_unknown_letters(tmp_path: Path) -> None:
    """A PDF that does not tell which letters it draws is refused, instead of read as other letters."""
    assert await rejected(tmp_path, NAME, drawn([Drawn(60, 700, "ساعت کاری")], tells=False)) == "letters"


@pytest.mark.parametrize(
    ("told", "title"),
    [("Microsoft Word - راهنمای خرید", "راهنمای خرید"), ("Microsoft Word - a.docx", ""), ("untitled", ""), ("۱۲", "")],
)
async def test_title(tmp_path: Path, told: str, title: str) -> None:
    """A title is kept, a file's name or a program's default is none."""
    assert (await read(tmp_path, NAME, drawn([Drawn(60, 700, "x y")], title=told))).title == title


async def test_names(tmp_path: Path) -> None:
    """What the file is decides; an ending that says otherwise is told, no ending at all is fine."""
    pdf = drawn([Drawn(60, 700, "hello")])

    assert await rejected(tmp_path, "a.md", pdf) == "pdf_name"
    assert await rejected(tmp_path, "a.pdf", b"# hello") == "other_name"
    assert (await read(tmp_path, NAME, b"junk of a mail server\n" + pdf)).sections[0].text == "hello"
    assert (await read(tmp_path, "scan", pdf)).sections[0].text == "hello"


async def test_others_pay_nothing(tmp_path: Path) -> None:
    """Only a PDF or a Word file loads what reads it: everything else is read at once."""
    (tmp_path / "a.md").write_text("# سلام")
    code = (
        "import sys, pathlib; from shared.knowledge.formats import read; read(pathlib.Path(sys.argv[1]), 'a.md');"
        "print(sorted({'pypdf', 'mammoth', 'zoneinfo', 'selectolax'} & set(sys.modules)))"
    )
    made = subprocess.run([sys.executable, "-c", code, tmp_path / "a.md"], capture_output=True, text=True, check=True)

    assert made.stdout.strip() == "[]"
