"""PDF and Word from outside: what stands in them comes back to a customer, with the page or heading it stands on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.knowledge.made_docx import plain, with_body
from tests.knowledge.made_pdfs import printed
from tests.pipeline.desk import Desk, new_word
from tests.pipeline.provider import Provider
from tests.pipeline.waiting import until
from tests.product import Product

Ask = Callable[[str], tuple[str, list[dict[str, str]]]]


@pytest.fixture
def ask(product: Product, provider: Provider, desk: Desk) -> Ask:
    """Asks on Telegram as somebody new: what the customer heard, and the sources that the desk shows beside it."""

    def on_telegram(question: str) -> tuple[str, list[dict[str, str]]]:
        customer = provider.customer(product.channel("telegram"))
        customer.write(question)
        until(lambda: customer.heard, "an answer on Telegram")
        [answer] = desk.messages(desk.conversation_of(customer)["id"], "bot")
        return customer.heard[0], answer["sources"]

    return on_telegram


def test_pdf(desk: Desk, ask: Ask, tmp_path: Path) -> None:
    """A fact on the third page of a printed Persian PDF comes back on Telegram, with that page as its source."""
    club, title = f"ستاره‌ی {new_word()}", f"راهنمای {new_word()}"
    pages = [
        "<h1>خوش آمدید</h1><p>این راهنما برای اعضای باشگاه نوشته شده است.</p>",
        "<h2>زمان</h2><p>تمرین‌ها عصر سه‌شنبه‌ها برگزار می‌شوند.</p>",
        f"<h2>ورود</h2><p>کد ورود باشگاه {club} در سال ۱۴۰۵ عدد ۷۳۹۱ است.</p>",
    ]
    body = "".join(f"<section>{page}</section>" for page in pages)
    asset = desk.learn("club.pdf", printed(body, tmp_path / "print", title=title))

    heard, sources = ask(f"كد ورود باشگاه {club} در سال 1405 چیست؟")

    assert "۷۳۹۱" in heard
    assert sources == [{"asset_id": asset, "title": title, "place": "ص۳"}]
    found = desk.client.post("/knowledge/search", json={"query": f"کد ورود باشگاه {club}"}).json()["items"][0]
    assert (found["asset_id"], found["place"]) == (asset, "ص۳")


def test_docx(desk: Desk, ask: Ask) -> None:
    """A fact in a Word file comes back on Telegram, with the heading that it stands under."""
    club = new_word()
    sentence = f"کد ورود باشگاه {club} در سال ۱۴۰۵ عدد ۸۴۶۲ است."
    heading = '<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>ورود به باشگاه</w:t></w:r></w:p>'
    asset = desk.learn("club.docx", with_body(f"{heading}<w:p><w:r><w:t>{sentence}</w:t></w:r></w:p>".encode()))

    heard, sources = ask(f"کد ورود باشگاه {club} چیست؟")

    assert "۸۴۶۲" in heard
    assert [(source["asset_id"], source["place"]) for source in sources] == [(asset, "ورود به باشگاه")]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        pytest.param("a.pdf", b"%PDF-1.7\n1 0 obj\n<< /Kids", "damaged: The file is damaged", id="cut off"),
        pytest.param("a.xlsx", b"nothing of the kind", "office: Of office files only", id="a table"),
        pytest.param("a.md", plain(), "docx_name: The file is a Word document but its name", id="Word named Markdown"),
    ],
)
def test_refused(desk: Desk, name: str, content: bytes, reason: str) -> None:
    """What can't be read ends failed, with what to do."""
    answer = desk.upload(name, content + new_word().encode())

    document = desk.settled(answer.json()["id"])
    assert document["status"] == "failed"
    assert document["reason"].startswith(reason)
