"""How values become jsonb: models by their fields, ids and moments as text, Persian as itself."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic import BaseModel


def dumps(value: Any) -> str:
    """JSON text. U+0000, which jsonb refuses, is dropped."""
    return json.dumps(value, ensure_ascii=False, default=_plain).replace("\\u0000", "")


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
