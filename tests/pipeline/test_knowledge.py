"""A document's life from outside: it answers on every channel, is replaced without a gap, and is forgotten."""

import threading
from collections.abc import Callable

import pytest

from tests.pipeline.desk import Desk, new_word
from tests.pipeline.provider import Provider
from tests.pipeline.waiting import until
from tests.pipeline.widget import Visitor
from tests.product import Product

Ask = Callable[[str], str]


def _club(word: str, code: str) -> str:
    """A document with a fact that nobody could guess: the entry code of a club with a made-up name."""
    return f"# باشگاه {word}\n\n## کد ورود\n\nکد ورود باشگاه {word} در سال ۱۴۰۵ عدد {code} است.\n"


@pytest.fixture(params=["telegram", "bale", "web"])
def ask(request: pytest.FixtureRequest, product: Product, provider: Provider) -> Ask:
    """Asks as somebody new on the channel; the answer's text."""
    kind = request.param

    def on_messenger(question: str) -> str:
        customer = provider.customer(product.channel(kind))
        customer.write(question)
        until(lambda: customer.heard, f"an answer on {kind}")
        return customer.heard[0]

    def on_widget(question: str) -> str:
        return str(Visitor.arrive(product.channel("web"), product.url).ask(question)["text"])

    return on_widget if kind == "web" else on_messenger


@pytest.fixture(scope="session")
def word(desk: Desk) -> str:
    """The name of the club that the tenant has learnt."""
    word = new_word()
    desk.learn("club.md", _club(f"ستاره‌ی {word}", "۷۳۹۱"))
    return word


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("کد ورود باشگاه ستاره‌ی {word} در سال ۱۴۰۵ چیست؟", id="as written"),
        pytest.param("کد ورود باشگاه ستاره‌ی {word} در سال 1405 چیست؟", id="Latin digits"),
        pytest.param("كد ورود باشگاه ستاره‌ي {word} در سال ١٤٠٥ چيست؟", id="Arabic letters and digits"),
        pytest.param("کد ورود باشگاه ستاره ی {word} چیست؟", id="a space for the half-space"),
        pytest.param("کد ورود باشگاه ستارهی {word} چیست؟", id="no half-space"),
    ],
)
def test_unguessable_fact(ask: Ask, word: str, question: str) -> None:
    """An uploaded fact is found on every channel, however digits, letters and half-spaces are typed."""
    assert "۷۳۹۱" in ask(question.format(word=word))


def test_latin_digits_in_document(ask: Ask, desk: Desk) -> None:
    """A document written with Latin digits and Arabic letters is found by a question in Persian ones."""
    name = new_word()
    desk.learn("model.md", f"# دستگاه {name} 4070\n\nگارانتي دستگاه {name} مدل 4070 تا 26 ماه است.\n")

    assert "26" in ask(f"گارانتی دستگاه {name} مدل ۴۰۷۰ چند ماه است؟")


def test_search_sees_it(desk: Desk, word: str) -> None:
    """The console's search finds the document first, and says where the passage stands."""
    found = desk.client.post("/knowledge/search", json={"query": f"کد ورود باشگاه {word}", "limit": 5})

    first = found.json()["items"][0]
    assert found.status_code == 200
    assert {"asset_id", "chunk_id", "title", "place", "text", "score"} <= first.keys()
    assert "۷۳۹۱" in first["text"]


def test_new_version(desk: Desk) -> None:
    """While a new version is read the old one answers; then only the new one does. There is no moment with none."""
    name = new_word()
    asset = desk.learn("club.md", _club(name, "۱۱۱۱"))
    seen: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            found = desk.client.post("/knowledge/search", json={"query": f"کد ورود باشگاه {name}", "limit": 3})
            texts = " ".join(item["text"] for item in found.json()["items"] if item["asset_id"] == asset)
            seen.append("".join(code for code in ("۱۱۱۱", "۲۲۲۲") if code in texts))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        until(lambda: seen, "the first look")
        answer = desk.upload("club.md", _club(name, "۲۲۲۲"), over=asset)
        assert answer.status_code == 202
        assert answer.json()["id"] == asset
        assert desk.settled(asset, version=2)["status"] == "ready"
        until(lambda: seen[-1] == "۲۲۲۲", "the new version in the search")
    finally:
        done.set()
        watcher.join()

    assert set(seen) == {"۱۱۱۱", "۲۲۲۲"}
    assert seen.index("۲۲۲۲") > len(seen) - 1 - seen[::-1].index("۱۱۱۱")


def test_broken_version(desk: Desk) -> None:
    """A new version that can't be read fails with a reason, and the old one goes on answering."""
    name = new_word()
    asset = desk.learn("club.md", _club(name, "۳۳۳۳"))

    assert desk.upload("club.md", b"\x00\x01\x02" * 50, over=asset).status_code == 202

    failed = desk.settled(asset, version=2)
    assert failed["status"] == "failed"
    assert failed["reason"]
    found = desk.client.post("/knowledge/search", json={"query": f"کد ورود باشگاه {name}"}).json()["items"]
    assert "۳۳۳۳" in found[0]["text"]


def test_deleted(product: Product, provider: Provider, desk: Desk) -> None:
    """From the moment a deletion is confirmed the document neither answers nor is found."""
    name = new_word()
    asset = desk.learn("club.md", _club(name, "۴۴۴۴"))
    question = f"کد ورود باشگاه {name} چیست؟"
    customer = provider.customer(product.channel("telegram"))
    customer.write(question)
    until(lambda: customer.heard, "the answer")
    assert "۴۴۴۴" in customer.heard[0]

    assert desk.client.delete(f"/knowledge/{asset}").status_code == 204

    other = provider.customer(product.channel("telegram"))
    other.write(question)
    until(lambda: other.heard, "the answer after the deletion")
    assert "۴۴۴۴" not in other.heard[0]
    found = desk.client.post("/knowledge/search", json={"query": question}).json()["items"]
    assert asset not in [item["asset_id"] for item in found]
    assert desk.client.get(f"/knowledge/{asset}").status_code == 404


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("empty.md", b"", id="empty"),
        pytest.param("blank.md", b" \n\t\n", id="blank"),
        pytest.param("marks.md", b"# \n\n---\n\n***\n", id="nothing to read"),
        pytest.param("photo.md", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, id="a picture named Markdown"),
        pytest.param("page.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", id="a broken PDF"),
        pytest.param("noise.txt", bytes(range(256)) * 40, id="noise named text"),
        pytest.param("tool.exe", b"MZ\x90\x00" + bytes(200), id="a program"),
        pytest.param("page.md", b"<!doctype html><html><body>x</body></html>", id="HTML named Markdown"),
    ],
)
def test_unusable(desk: Desk, name: str, content: bytes) -> None:
    """A file that holds nothing to answer from ends failed, with a reason that a person can read."""
    answer = desk.upload(name, content + new_word().encode() * bool(content and name in ("tool.exe", "photo.md")))

    assert answer.status_code in (200, 202), answer.text
    document = desk.settled(answer.json()["id"])
    assert document["status"] == "failed"
    assert len(document["reason"]) > 10
    assert "Traceback" not in document["reason"]


def test_same_bytes(desk: Desk) -> None:
    """The same bytes again are the same document, whatever the file is called now; other bytes are another one."""
    name = new_word()
    asset = desk.learn("club.md", _club(name, "۵۵۵۵"))

    again = desk.upload("renamed.md", _club(name, "۵۵۵۵"))
    other = desk.upload("club.md", _club(name, "۶۶۶۶"))

    assert (again.status_code, again.json()["id"]) == (200, asset)
    assert other.status_code == 202
    assert other.json()["id"] != asset
