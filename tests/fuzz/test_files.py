"""Files and forms: what is uploaded becomes text, or is rejected with a sentence."""

import asyncio
import random
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.requests import Request

from functions.console_api.uploads import UploadForm
from local.simulator.telegram_html import Unparseable, parse, utf16_length
from shared.errors import TooLarge
from shared.knowledge.chunking import passages
from shared.knowledge.documents import DocumentRejected, read_document
from shared.knowledge.formats import decode
from shared.knowledge.markdown_sections import parse_markdown
from shared.problems import Refused
from shared.text.persian import clean
from tests.fuzz import budget, hostile, mutating

MARKDOWN = """# راهنمای فروشگاه

ساعت کاری ما **۹ تا ۱۸** است؛ [نشانی](https://shop.example.ir/map).

| روز | ساعت |
|---|---|
| شنبه | ۹ تا ۱۸ |

1. یک
2. دو
   - سه

> نقل ‌قول

```
code
```
<div hidden>پنهان</div>
"""
HTML = """<!doctype html><html lang="fa"><head><title>فروشگاه</title><meta charset="utf-8"></head><body><nav>منو</nav>
<h1>ساعت کاری</h1><p>شنبه تا <b>چهارشنبه</b> &amp; پنجشنبه<br>۹ تا ۱۸</p>
<table><tr><th>روز</th><td>شنبه</td></tr></table>
<ul><li>یک<li>دو</ul><script>alert(1)</script><p style="display:none">پنهان</p></body></html>"""
TELEGRAM_HTML = """<b>سلام <i>دنیا</i></b> <a href="https://a.ir/?x=1&amp;y=2">پیوند</a>
<tg-spoiler>&lt;😀&gt;</tg-spoiler> <pre><code class="language-py">x</code></pre>"""
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1256", "latin-1", "utf-7")
BOUNDARY = "xinboundary"


def _file(text: str, chance: random.Random) -> bytes:
    data = text.encode(chance.choice(ENCODINGS), "replace") if chance.random() < 0.5 else text.encode()
    return mutating.spoiled_bytes(data, chance) if chance.random() < 0.7 else data


def test_decoding() -> None:
    """Bytes are text in some encoding, or rejected: never half read."""
    budget.run(
        "decoded files",
        lambda chance: (_file(chance.choice((MARKDOWN, HTML)), chance), chance.random() < 0.5),
        _is_decoded,
    )


def _is_decoded(case: tuple[bytes, bool]) -> None:
    data, is_html = case
    with suppress(DocumentRejected):
        clean(decode(data, is_html=is_html)).encode()


def test_markdown() -> None:
    """Any text is Markdown; its passages hold words and can be stored."""
    budget.run("markdown", _markdown, _has_passages, seconds=3)


def _markdown(chance: random.Random) -> str:
    text = mutating.spoiled_bytes(MARKDOWN.encode(), chance).decode(errors="replace")
    token = chance.choice(
        ("# ", "> ", "- ", "1. ", "| a | b |\n|---|---|\n", "[", "](", "`", "*", "<b>", "&#0;", "\t", "![", "---\n")
    )
    return clean(text + token * chance.choice((1, 20, 400)) + hostile.text(chance))


def _has_passages(text: str) -> None:
    for passage in passages(parse_markdown(text).sections):
        assert passage.text
        f"{passage.place}{passage.text}".encode()


async def test_in_the_limited_process(tmp_path: Path) -> None:
    """The same files through the process that reads uploads: a document, or a rejection that says why."""
    names = ("a.md", "a.html", "a.txt", "a", "ساعت.HTM", "a.md.exe", "...", "-x.md")

    def make(chance: random.Random) -> tuple[bytes, str]:
        deep = "<div>" * 20_000 if chance.random() < 0.1 else "> " * 3_000 if chance.random() < 0.1 else ""
        return _file(chance.choice((MARKDOWN, HTML, HTML)) + deep, chance), chance.choice(names)

    async def check(case: tuple[bytes, str]) -> None:
        data, name = case
        (path := tmp_path / "upload").write_bytes(data)
        with suppress(DocumentRejected):
            read = await read_document(path, name)
            assert any(section.text.strip() for section in read.sections)

    await budget.run_through("files in the limited process", make, check)


async def test_upload_forms() -> None:
    """A form is read to its end with a name and bytes, or refused; its parts and fields are bounded."""
    await budget.run_through("upload forms", _form, _is_read)


def _form(chance: random.Random) -> tuple[str, list[bytes]]:
    name = chance.choice(("ساعت.md", "a.md", "", "../../x", 'a"b', "a\\b", hostile.text(chance))).encode(
        errors="replace"
    )
    parts = [
        b'Content-Disposition: form-data; name="file"; filename="'
        + name
        + b'"\r\nContent-Type: text/markdown\r\n\r\n# x',
        b'Content-Disposition: form-data; name="title"\r\n\r\n' + hostile.text(chance).encode(errors="replace"),
    ]
    parts = chance.sample(parts, 2) * chance.choice((1, 1, 1, 12))
    edge = f"--{BOUNDARY}".encode()
    body = b"".join(edge + b"\r\n" + part + b"\r\n" for part in parts) + edge + b"--\r\n"
    if chance.random() < 0.7:
        body = mutating.spoiled_bytes(body, chance)
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    if chance.random() < 0.1:
        kind = chance.choice(
            ("multipart/form-data", "", "multipart/form-data; boundary=", "text/plain", kind + "x" * 300, f'{kind}"')
        )
    size = chance.choice((1, 7, 64, 10_000))
    return kind, [body[at : at + size] for at in range(0, len(body), size)]


async def _is_read(case: tuple[str, list[bytes]]) -> None:
    kind, pieces = case
    waiting = list(pieces)

    async def receive() -> dict[str, object]:
        body = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    request = Request(
        {"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode("latin-1", "replace"))]}, receive
    )
    try:
        form = UploadForm(request)
        await form.open()
        content = b"".join([chunk async for chunk in form.chunks()])
    except (Refused, TooLarge):
        return
    assert len(content) <= sum(map(len, pieces))
    assert 0 < len(form.name) <= 200
    assert "/" not in form.name
    assert len(form.fields) <= 20
    f"{form.name}{form.media_type}{form.fields}".encode()


def test_telegram_html() -> None:
    """The simulator's HTML gives text with entities inside of it, or refuses as Telegram would."""
    budget.run("telegram html", _telegram_html, _is_marked_up)


def _telegram_html(chance: random.Random) -> str:
    return mutating.spoiled_bytes(TELEGRAM_HTML.encode(), chance).decode(errors="replace") + chance.choice(
        ("", hostile.text(chance))
    )


def _is_marked_up(html: str) -> None:
    try:
        text, entities = parse(html)
    except Unparseable:
        return
    length = utf16_length(text)
    assert all(one["offset"] >= 0 and one["length"] > 0 and one["offset"] + one["length"] <= length for one in entities)


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", 'multipart/form-data; boundary="x"'])
def test_no_body(kind: str) -> None:
    """A form that ends before it began is refused."""
    with pytest.raises(Refused):
        asyncio.run(_open_nothing(kind))


async def _open_nothing(kind: str) -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    await UploadForm(
        Request({"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode())]}, receive)
    ).open()
