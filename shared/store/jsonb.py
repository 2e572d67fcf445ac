"""How values become jsonb: models by their fields, ids and moments as text, Persian as itself."""

import json
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic import BaseModel

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""As JSON writes it. Behind an odd number of backslashes those six characters are text that somebody typed."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def dumps(value: Any) -> str:
    """JSON text without what jsonb refuses: U+0000 is dropped, half of a surrogate pair becomes U+FFFD."""
    text = json.dumps(value, ensure_ascii=False, default=_plain)
    if "\\u0000" in text:
        text = _NUL.sub(r"\1", text)
    return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def jsonb(value: Any) -> Jsonb:
    """*value* as a parameter of type jsonb."""
    return Jsonb(value, dumps=dumps)


def _plain(value: Any) -> Any:
    match value:
        case BaseModel():
            return value.model_dump(mode="json")
        case UUID() | Decimal():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case set() | frozenset():
            return sorted(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
