"""HTML to sections: what a reader of the page would see, without menus, scripts and what is hidden."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared.knowledge.documents import Document
from shared.knowledge.outline import Outline

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_UNREAD = "script style nav noscript template svg iframe object head button select math canvas"
_PARTS = """
p div section article main header footer aside address blockquote pre ul ol li dl dt dd table tr figure figcaption form
fieldset hr details summary body
"""
_DROPPED, _BLOCKS = frozenset(_UNREAD.split()), frozenset(_PARTS.split())
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}


def parse_html(html: str) -> Document:
    """Never fails on broken markup: the parser mends it as a browser would."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    title = tree.css_first("title")
    reader = _Reader(Outline(" ".join(title.text().split()) if title else ""))
    if tree.body is not None:
        reader.walk(tree.body)
    return reader.outline.document()


class _Reader:
    """Walks without recursion: a page may nest a hundred thousand elements."""

    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self._text: list[str] = []
        self._lists: list[int | None] = []

    def walk(self, root: "LexborNode") -> None:
        node = root
        while True:
            inside = self._enter(node)
            if inside and node.child is not None:
                node = node.child
                continue
            if inside:
                self._leave(node)
            while node.mem_id != root.mem_id and node.next is None and node.parent is not None:
                node = node.parent
                self._leave(node)
            if node.mem_id == root.mem_id or node.next is None:
                break
            node = node.next
        self._flush()

    def _enter(self, node: "LexborNode") -> bool:
        """Whether to look inside."""
        tag = node.tag
        if tag == "-text":
            text = node.text_content or ""
            self._text.append(text if _in_pre(node) else text.replace("\n", " "))
            return False
        if tag in _DROPPED or tag is None or tag.startswith(("-", "!")) or _hidden(node):
            return False
        if tag == "table" and not node.css("table table, table p + p, table li, table h1, table h2, table h3"):
            self._flush()
            self.outline.table(list(_rows(node)))
            return False
        if tag in _BLOCKS or tag in _HEADINGS:
            self._flush()
        match tag:
            case "br":
                self._text.append("\n")
            case "img":
                self._text.append(node.attributes.get("alt") or "")
            case "ul" | "ol":
                self._lists.append(None if tag == "ul" else 1)
            case "li":
                self.outline.item(self._marker())
            case "td" | "th":
                self._text.append(" ")
        return True

    def _leave(self, node: "LexborNode") -> None:
        tag = node.tag or ""
        if tag == "a":
            self._link(node.attributes.get("href") or "")
        elif tag in _HEADINGS:
            text, self._text = "".join(self._text), []
            self.outline.heading(_HEADINGS[tag], text.replace("\n", " "))
        elif tag in _BLOCKS:
            self._flush()
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()

    def _link(self, href: str) -> None:
        address = href.removeprefix("mailto:").removeprefix("tel:")
        shown = "".join(self._text[-4:])
        if href.startswith(("http://", "https://", "mailto:", "tel:")) and address not in shown:
            self._text.append(f" ({address})")

    def _marker(self) -> str:
        if not self._lists or self._lists[-1] is None:
            return "  " * max(0, len(self._lists) - 1) + "- "
        self._lists[-1] += 1
        return "  " * (len(self._lists) - 1) + f"{self._lists[-1] - 1}. "

    def _flush(self) -> None:
        text, self._text = "".join(self._text), []
        self.outline.paragraph(text)


def _hidden(node: "LexborNode") -> bool:
    """Text that no visitor sees is no knowledge, and is where instructions to a model are put."""
    attributes = node.attributes
    style = (attributes.get("style") or "").replace(" ", "").lower()
    return "hidden" in attributes or "display:none" in style or "visibility:hidden" in style or "font-size:0" in style


def _in_pre(node: "LexborNode") -> bool:
    parent = node.parent
    return parent is not None and parent.tag in ("pre", "textarea")


def _rows(table: "LexborNode") -> Iterator[list[str]]:
    for row in table.css("tr"):
        yield [" ".join(cell.text().split()) for cell in row.css("td, th")]
