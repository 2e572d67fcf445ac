"""Real samples, bent: the structure is changed first, then how it is written, then its bytes.

Everything comes from the generator that is handed in, so the same seed is the same case.
"""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.fuzz import hostile

Holder = dict[str, Any] | list[Any]
DEEPER = 0.93


def mutated(sample: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """*sample* after one to five changes; *others* lend parts."""
    tree: Any = [json.loads(sample)]
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        _change(tree, others, chance)
    written = _written(tree[0], chance)
    return _spoiled(written, chance) if chance.random() < 0.2 else written


def spoiled_bytes(data: bytes, chance: random.Random) -> bytes:
    """*data* after changes that know nothing of its meaning."""
    for _ in range(chance.choice((1, 1, 2, 4, 10))):
        data = chance.choice(_SPOILING)(data, chance)
    return data


# The structure ----------------------------------------------------------------------------------------------------


def _change(tree: list[Any], others: Sequence[bytes], chance: random.Random) -> None:
    holder, place = _somewhere(tree, chance)
    kind = chance.random()
    if kind < 0.35:
        _put(holder, place, hostile.value(chance))
    elif kind < 0.5:
        _remove(holder, place)
    elif kind < 0.6:
        _rename(holder, place, tree, chance)
    elif kind < 0.68:
        held = holder[place]
        _put(holder, place, chance.choice(([held], {"id": held}, {"text": held}, [held, _copy(held)])))
    elif kind < 0.75:
        other, elsewhere = _somewhere(tree, chance)
        if other is not holder and not _holds(holder[place], other) and not _holds(other[elsewhere], holder):
            holder[place], other[elsewhere] = other[elsewhere], holder[place]
    elif kind < 0.82 and others:
        lender, found = _somewhere([json.loads(chance.choice(others))], chance)
        _put(holder, place, lender[found])
    elif kind < 0.9 and isinstance(holder, list):
        holder[place:place] = [_copy(holder[place]) for _ in range(chance.choice((1, 2, 40)))]
    elif isinstance(held := holder[place], str):
        cut = chance.randrange(len(held) + 1)
        _put(holder, place, held[:cut] + hostile.text(chance) + held[cut:])
    else:
        _put(holder, place, hostile.value(chance))


def _somewhere(tree: Holder, chance: random.Random) -> tuple[Holder, Any]:
    """A holder and a place in it, rather deep than not: what is changed outside hides what is inside."""
    while True:
        places: list[Any] = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        deeper = [place for place in places if isinstance(tree[place], dict | list) and tree[place]]
        if not deeper or chance.random() > DEEPER:
            return tree, chance.choice(places)
        tree = tree[chance.choice(deeper)]


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _put(holder: Holder, place: Any, value: Any) -> None:
    holder[place] = value


def _remove(holder: Holder, place: Any) -> None:
    if len(holder) > 1 or isinstance(holder, dict):
        del holder[place]
    else:
        _put(holder, place, None)


def _rename(holder: Holder, place: Any, tree: list[Any], chance: random.Random) -> None:
    if isinstance(holder, dict):
        other, name = _somewhere(tree, chance)
        names = [hostile.text(chance), str(place).upper(), f"{place}s", *([name] if isinstance(other, dict) else [])]
        holder[chance.choice(names)] = holder.pop(place)
    else:
        _put(holder, place, hostile.value(chance))


def _holds(value: Any, wanted: Holder) -> bool:
    if value is wanted:
        return True
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_holds(one, wanted) for one in inside)


# The writing ------------------------------------------------------------------------------------------------------


def _written(value: Any, chance: random.Random) -> bytes:
    indent = chance.choice((None, None, None, 1))
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5, indent=indent)
    return text.encode(errors="surrogatepass")


def _spoiled(written: bytes, chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.15:
        return b'{"update_id":1,"object":"instagram","entry":[],"id":"1",' + written[1:]  # names that come twice
    if kind < 0.3:
        number = chance.choice((b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000, b"0x1", b"01", b"1."))
        return written.replace(b": 1", b": " + number, 1) if b": 1" in written else b'{"update_id":' + number + b"}"
    if kind < 0.35:
        return written.decode(errors="replace").encode(
            chance.choice(("utf-16", "utf-32", "cp1256", "utf-8-sig")), "replace"
        )
    if kind < 0.4:
        depth = chance.choice((50, 1000, 20_000))
        return b'{"update_id":1,"message":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    if kind < 0.45:
        return b"[" + written + b"]" if chance.random() < 0.5 else written * 2
    return spoiled_bytes(written, chance)


# The bytes --------------------------------------------------------------------------------------------------------


def _flip(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return bytes([chance.randrange(256)])
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _drop(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start + chance.choice((1, 2, 20)) :]


def _insert(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.choice(_TOKENS) + data[place:]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    piece = data[start : start + chance.choice((1, 10, 100))]
    return data[:start] + piece * chance.choice((2, 3, 50)) + data[start:]


def _noise(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.randbytes(chance.choice((1, 4, 64))) + data[place:]


_SPOILING: tuple[Callable[[bytes, random.Random], bytes], ...] = (_flip, _flip, _cut, _drop, _insert, _repeat, _noise)
_TOKENS = (
    b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\r\n", b"\r\n\r\n", b'"', b"'", b"{", b"}", b"[", b"]",
    b":", b",", b"\\", b"\\u0000", b"\\ud83d", b"--", b"<", b">", b"&", b"#", b"|", b"`", b"=", b"%00", b"%", b";",
    b"\xe2\x80\x8c", b"null", b"true", b"-", b"1e9", b"\xef\xbb\xbf",
)  # fmt: skip
