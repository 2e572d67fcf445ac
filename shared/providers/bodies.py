"""Careful reading of other people's JSON: from bytes to values that our database keeps.

Readers are lenient: a field of the wrong shape counts as missing, and only a missing id makes an item Unreadable, so
that an odd name or an odd neighbour never costs us a customer's message.
"""

import hashlib
import hmac
import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from shared.errors import Unreadable
from shared.providers.incoming import ProviderEvent

Json = dict[str, Any]

_KEY_BYTES = 300  # an index row in Postgres ends at about 2,700 bytes
_DEPTH = 60  # the deepest sample of any provider is below 20
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # valid in JSON, refused by Postgres


def read_object(body: bytes) -> Json:
    """One JSON object, UTF-8, cleaned by `storable`. Raises Unreadable."""
    try:
        value = storable(json.loads(body.decode(), parse_constant=_refuse, parse_float=_finite))
    except (ValueError, RecursionError):
        raise Unreadable("the body is not JSON") from None
    if not isinstance(value, dict):
        raise Unreadable("the body is not a JSON object")
    return value


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _refuse(digits)


def storable(value: Any, depth: int = _DEPTH) -> Any:
    """The same, with what Postgres can't keep (NUL, lone surrogates) as U+FFFD. Raises ValueError if it is too deep."""
    if depth == 0:
        raise ValueError("nested too deeply")
    match value:
        case str():
            return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)
        case list():
            return [storable(item, depth - 1) for item in value]
        case dict():
            return {storable(name): storable(item, depth - 1) for name, item in value.items()}
        case _:
            return value


def as_object(value: Any) -> Json:
    """Raises Unreadable where it isn't one."""
    if not isinstance(value, dict):
        raise Unreadable("not an object")
    return value


def inner(holder: Json, name: str) -> Json:
    """The object under *name*; an empty one where there is none: what is really needed in it is missed later."""
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def items(holder: Json, name: str) -> list[Any]:
    """The list under *name*; an empty one where there is none, and a list of one where there is something else."""
    value = holder.get(name)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def identifier(holder: Json, *names: str) -> str | None:
    """The first of *names* that holds an id; numbers become text, and what is too long for an index its digest."""
    for name in names:
        match holder.get(name):
            case bool() | None | "":
                continue
            case int() | str() as value:
                return key(str(value))
    return None


def required(holder: Json, *names: str) -> str:
    """Like `identifier`, but raises Unreadable where there is none."""
    found = identifier(holder, *names)
    if found is None:
        raise Unreadable(f"no {' or '.join(names)}")
    return found


def words(holder: Json, *names: str) -> str:
    """The first of *names* that holds text, else the empty string."""
    return next((value for name in names if isinstance(value := holder.get(name), str) and value), "")


def moment(value: Any, *, per_second: int = 1) -> datetime | None:
    """A provider's timestamp (a number, or one written as text) in UTC; None where it makes no sense."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value) / per_second
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def key(*parts: str | None) -> str:
    """Joins what makes an item unique; too long for an index becomes its digest."""
    joined = ":".join(part for part in parts if part)
    return joined if len(joined.encode()) <= _KEY_BYTES else fingerprint(joined)


def fingerprint(value: Any) -> str:
    """The same for the same content, in whatever order its fields came."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def unreadable(
    item: Any, problem: Unreadable, *, event_key: str | None = None, account: str | None = None
) -> ProviderEvent:
    """An item that could not be read, kept for whoever looks into it."""
    return ProviderEvent(
        key=event_key or key("unreadable", fingerprint(item)),
        kind="unreadable",
        reason=str(problem),
        payload=item if isinstance(item, dict) else {"item": item},
        account=account,
    )


def proves(claimed: str | None, accepted: Iterable[str]) -> bool:
    """Whether *claimed* is one of *accepted*, in constant time, and as bytes: compare_digest refuses non-ASCII text.

    An empty secret proves nothing, so a channel without one refuses everybody.
    """
    if not claimed:
        return False
    claim = claimed.encode(errors="backslashreplace")
    matches = [hmac.compare_digest(claim, secret.encode()) for secret in accepted]
    return any(matches)
