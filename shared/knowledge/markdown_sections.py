"""Markdown to sections. What a reader sees is kept; a link keeps its address, since that may be the answer."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from shared.knowledge.documents import Document
from shared.knowledge.outline import Outline

if TYPE_CHECKING:
    from markdown_it.token import Token


def parse_markdown(text: str) -> Document:
    """CommonMark with tables."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    outline = Outline()
    walker = iter(tokens)
    lists: list[int | None] = []  # the next number, or None for bullets
    for token in walker:
        match token.type:
            case "heading_open":
                outline.heading(int(token.tag[1:]), _inline(next(walker)))
            case "bullet_list_open":
                lists.append(None)
            case "ordered_list_open":
                lists.append(int(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
            case "list_item_open":
                outline.item(_marker(lists))
            case "inline":
                outline.paragraph(_inline(token))
            case "fence" | "code_block":
                outline.paragraph(token.content.strip("\n"))
            case "html_block":
                outline.paragraph(_without_tags(token.content))
            case "table_open":
                _table(walker, outline)
    return outline.document()


def _marker(lists: list[int | None]) -> str:
    number = lists[-1]
    indent = "  " * (len(lists) - 1)
    if number is None:
        return f"{indent}- "
    lists[-1] = number + 1
    return f"{indent}{number}. "


def _table(walker: Iterator["Token"], outline: Outline) -> None:
    """A line a row, every cell with its column's heading: a row then answers on its own."""
    rows: list[list[str]] = []
    for token in walker:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_inline(token))
        elif token.type == "table_close":
            break
    outline.table(rows)


def _inline(token: "Token") -> str:
    return "".join(_spans(token.children or [])).strip()


def _spans(children: Sequence["Token"]) -> Iterator[str]:
    links: list[tuple[str, list[str]]] = []
    for child in children:
        match child.type:
            case "text" | "code_inline":
                piece = child.content
            case "softbreak":
                piece = " "
            case "hardbreak":
                piece = "\n"
            case "image":
                piece = child.content
            case "link_open":
                links.append((str(child.attrGet("href") or ""), []))
                continue
            case "link_close":
                href, pieces = links.pop()
                piece = _link("".join(pieces), href)
            case _:  # emphasis and inline HTML have no text of their own
                continue
        if links:
            links[-1][1].append(piece)
        else:
            yield piece


def _link(text: str, href: str) -> str:
    address = href.removeprefix("mailto:").removeprefix("tel:")
    if not href.startswith(("http://", "https://", "mailto:", "tel:")) or address in text:
        return text
    return f"{text} ({address})"


def _without_tags(html: str) -> str:
    from shared.knowledge.html_sections import parse_html

    return "\n".join(s.text for s in parse_html(html).sections)
