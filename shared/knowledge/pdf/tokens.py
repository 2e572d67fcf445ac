"""A PDF's content stream as operators with their operands.

https://opensource.adobe.com/dc-acrobat-sdk-docs/pdfstandards/PDF32000_2008.pdf, 7.2, 7.3 and 7.8.2. A reader of our
own, for speed: browsers draw every letter by itself, and 200 pages of that are two million operators.
"""

import re
from collections.abc import Callable, Iterator
from typing import Union

_SPACE = r"[\x00\t\n\f\r ]"
_LETTER = r"[^\x00\t\n\f\r ()<>\[\]{}/%]"
_NUMBER = r"[+-]?(?:\d++\.?\d*+|\.\d++)"
_TOKEN = re.compile(
    (
        # what letters are mostly drawn with, each operator read at once with its operands
        rf"{_SPACE}*+(?:(?P<x>{_NUMBER}){_SPACE}++(?P<y>{_NUMBER}){_SPACE}++Td"
        rf"|<(?P<shown>[0-9A-Fa-f]++)>{_SPACE}*+Tj"
        rf"|/(?P<font>{_LETTER}++){_SPACE}++(?P<size>{_NUMBER}){_SPACE}++Tf"
        rf"|(?P<matrix>(?:{_NUMBER}{_SPACE}++){{6}})Tm"
        # everything else, word by word
        rf"|(?P<number>{_NUMBER})(?={_SPACE}|[\[\]<>(/%]|$)|(?P<operator>[A-Za-z'\"][A-Za-z0-9*]*+)"
        rf"|<(?P<hex>(?:[0-9A-Fa-f]|{_SPACE})*+)>|/(?P<name>{_LETTER}*+)|\((?P<string>(?:[^()\\]++|\\.)*+)\)"
        rf"|(?P<other><<|>>|[\[\](])|%[^\r\n]*+|(?P<stray>[^\x00\t\n\f\r ]))"
    ).encode(),
    re.DOTALL,
)
_IMAGE_END = re.compile(rb"\sEI(?=\s|$)")
_PAREN = re.compile(rb"\\.|[()]", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r\n|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r": b"", b"\r\n": b""}
_WORDS = {b"true", b"false", b"null"}


class Name(str):
    """A name, with its slash."""

    __slots__ = ()


Operand = Union[float, bytes, Name, list["Operand"]]  # noqa: UP007 - `|` can't hold a name that is not there yet
"""A dictionary is a list as well, of its names and values in turn."""


def operations(data: bytes) -> Iterator[tuple[bytes, list[Operand]]]:
    """Each operator with what stood before it. What can't be understood is passed over, as every viewer does.

    `BI` comes without its picture.
    """
    operands: list[Operand] = []
    stack: list[list[Operand]] = []
    at, end = 0, len(data)
    match_at = _TOKEN.match
    while at < end and (token := match_at(data, at)):
        at = token.end()
        kind = token.lastgroup or ""
        if frequent := _FREQUENT.get(kind):
            yield frequent(token)
            operands, stack = [], []
        elif kind == "number":
            operands.append(float(token["number"]))
        elif kind == "operator":
            name = token["operator"]
            if name == b"BI":
                found = _IMAGE_END.search(data, at)
                at = found.end() if found else end
            if name not in _WORDS:
                yield name, operands
                operands, stack = [], []
        elif kind == "other":
            mark = token["other"]
            if mark == b"(":
                string, at = _nested_string(data, at)
                operands.append(string)
            else:
                operands = _nested(mark, operands, stack)
        elif kind in _OPERANDS:
            operands.append(_OPERANDS[kind](token[kind]))


def _nested(mark: bytes, operands: list[Operand], stack: list[list[Operand]]) -> list[Operand]:
    """Opens or closes an array or a dictionary; the operands from now on."""
    if mark in (b"[", b"<<"):
        stack.append(operands)
        return []
    if stack:
        inner, operands = operands, stack.pop()
        operands.append(inner)
    return operands


def _nested_string(data: bytes, start: int) -> tuple[bytes, int]:
    """A string with brackets in it, from behind its first one; and where it ends."""
    depth = 1
    for paren in _PAREN.finditer(data, start):
        depth += {b"(": 1, b")": -1}.get(paren[0], 0)
        if depth == 0:
            return _unescaped(data[start : paren.start()]), paren.end()
    return b"", len(data)


def _from_hex(digits: bytes) -> bytes:
    digits = digits.translate(None, b"\x00\t\n\f\r ")
    return bytes.fromhex((digits + b"0" if len(digits) % 2 else digits).decode())


def _name(name: bytes) -> Name:
    return Name("/" + name.decode("latin-1"))


def _unescaped(string: bytes) -> bytes:
    if b"\\" not in string:
        return string

    def plain(escape: re.Match[bytes]) -> bytes:
        what = escape[1]
        return bytes([int(what, 8) & 255]) if what[:1].isdigit() and what[:1] < b"8" else _ESCAPED.get(what, what)

    return _ESCAPE.sub(plain, string)


_FREQUENT: dict[str, Callable[[re.Match[bytes]], tuple[bytes, list[Operand]]]] = {
    "y": lambda token: (b"Td", [float(token["x"]), float(token["y"])]),
    "shown": lambda token: (b"Tj", [_from_hex(token["shown"])]),
    "size": lambda token: (b"Tf", [_name(token["font"]), float(token["size"])]),
    "matrix": lambda token: (b"Tm", [float(number) for number in token["matrix"].replace(b"\x00", b" ").split()]),
}
"""By the last operand of an operator that is read at once."""
_OPERANDS: dict[str, Callable[[bytes], Operand]] = {"hex": _from_hex, "name": _name, "string": _unescaped}
