"""Telegram's HTML mode, as strict as the server: what it can't parse it refuses with the place in bytes.

Source: https://core.telegram.org/bots/api#html-style; the complaints are the Bot API server's.
"""

import re
from typing import Any

TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "a": "text_link",
    "tg-emoji": "custom_emoji",
}
_REFERENCE = re.compile(r"&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(lt|gt|amp|quot));?")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_ATTRIBUTE = re.compile(r"\s*([^\s=>]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([a-zA-Z0-9.-]+)))?")


class Unparseable(Exception):
    """The text is no HTML that Telegram takes. Says why in its words."""


def utf16_length(text: str) -> int:
    """Telegram counts offsets and lengths in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def parse(html: str) -> tuple[str, list[dict[str, Any]]]:
    """The text without its markup, and its entities. Raises Unparseable."""
    if "<" not in html and "&" not in html:
        return html, []
    return _Parser(html).parse()


class _Parser:
    def __init__(self, html: str) -> None:
        self.html = html
        self.at = 0
        self.text: list[str] = []
        self.length = 0  # UTF-16 units so far
        self.open: list[tuple[str, int, dict[str, Any]]] = []
        self.entities: list[dict[str, Any]] = []

    def parse(self) -> tuple[str, list[dict[str, Any]]]:
        html = self.html
        while self.at < len(html):
            character = html[self.at]
            if character == "<":
                if html.startswith("</", self.at):
                    self._end_tag()
                else:
                    self._start_tag()
            elif character == "&" and (found := _REFERENCE.match(html, self.at)):
                self._reference(found)
            else:
                ends = [place for place in (html.find("<", self.at + 1), html.find("&", self.at + 1)) if place > 0]
                end = min(ends, default=len(html))
                self._put(html[self.at : end])
                self.at = end
        if self.open:
            raise Unparseable(f'Can\'t find end tag corresponding to start tag "{self.open[-1][0]}"')
        self.entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
        return "".join(self.text), self.entities

    def _put(self, text: str) -> None:
        self.text.append(text)
        self.length += utf16_length(text)

    def _byte(self, place: int) -> int:
        return len(self.html[:place].encode(errors="surrogatepass"))

    def _reference(self, found: re.Match[str]) -> None:
        decimal, hexadecimal, name = found.groups()
        code = int(decimal) if decimal else int(hexadecimal, 16) if hexadecimal else 0
        if name:
            self._put(_NAMED[name])
        elif 0 < code < 0x110000 and not 0xD800 <= code < 0xE000:
            self._put(chr(code))
        else:
            self._put(found.group())
        self.at = found.end()

    def _start_tag(self) -> None:
        begin = self.at
        close = self.html.find(">", begin)
        if close < 0:
            raise Unparseable(f"Unclosed start tag at byte offset {self._byte(begin)}")
        name = re.match(r"[^\s>]*", self.html[begin + 1 : close]).group().lower()  # type: ignore[union-attr]
        if name not in TAGS:
            raise Unparseable(f'Unsupported start tag "{name}" at byte offset {self._byte(begin)}')
        attributes, self.at = self._attributes(name, begin)
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise Unparseable(f'Tag "span" must have class "tg-spoiler" at byte offset {self._byte(begin)}')
        self.open.append((name, self.length, attributes))

    def _attributes(self, name: str, begin: int) -> tuple[dict[str, str], int]:
        attributes: dict[str, str] = {}
        at = begin + 1 + len(name)
        while True:
            rest = re.compile(r"\s*").match(self.html, at).end()  # type: ignore[union-attr]
            if rest >= len(self.html):
                raise Unparseable(f'Unclosed start tag "{name}" at byte offset {self._byte(begin)}')
            if self.html[rest] == ">":
                return attributes, rest + 1
            if self.html[rest] == "=":
                raise Unparseable(f'Empty attribute name in the tag "{name}" at byte offset {self._byte(begin)}')
            found = _ATTRIBUTE.match(self.html, rest)
            if found is None or self.html[found.end() : found.end() + 1] not in (">", " ", "\n", "\t"):
                raise Unparseable(f"Unclosed start tag at byte offset {self._byte(begin)}")
            key, *values = found.groups()
            attributes[key.lower()] = next((value for value in values if value is not None), "")
            at = found.end()

    def _end_tag(self) -> None:
        begin = self.at
        if not self.open:
            raise Unparseable(f"Unexpected end tag at byte offset {self._byte(begin)}")
        close = self.html.find(">", begin)
        if close < 0:
            raise Unparseable(f"Unclosed end tag at byte offset {self._byte(begin)}")
        found = self.html[begin + 2 : close].strip().lower()
        name, offset, attributes = self.open.pop()
        if found and found != name:
            raise Unparseable(
                f'Unmatched end tag at byte offset {self._byte(begin)}, expected "</{name}>", found "</{found}>"'
            )
        self.at = close + 1
        if self.length > offset:
            self._entity(name, offset, attributes)

    def _entity(self, name: str, offset: int, attributes: dict[str, str]) -> None:
        entity: dict[str, Any] = {"type": TAGS[name], "offset": offset, "length": self.length - offset}
        if name == "a":
            url = attributes.get("href", "")
            if "." not in url and not url.startswith("tg:"):
                return  # a link to nowhere is plain text to Telegram
            entity["url"] = url
        elif name == "tg-emoji":
            entity["custom_emoji_id"] = attributes.get("emoji-id", "")
        elif name == "blockquote" and "expandable" in attributes:
            entity["type"] = "expandable_blockquote"
        self.entities.append(entity)
