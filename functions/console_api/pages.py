"""Lists: at most a hundred items a page, and an opaque cursor to the next one."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Generic, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, Path, Query
from pydantic import BaseModel

from shared.errors import NotFound
from shared.problems import Refused
from shared.store.pages import Before

T = TypeVar("T")


class Created(Protocol):
    """A row that has a place in a list."""

    @property
    def id(self) -> UUID: ...
    @property
    def created_at(self) -> datetime: ...


C = TypeVar("C", bound=Created)

Limit = Annotated[int, Query(ge=1, le=100, description="Items a page.")]
CursorText = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")]


class Page(BaseModel, Generic[T]):
    """One page; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None = None


def row_id(id: Annotated[str, Path(description="The item's id.")]) -> UUID:
    """The id in the path. What is no id is nobody's: raises NotFound."""
    return id_of(id)


RowId = Annotated[UUID, Depends(row_id)]


def id_of(text: str) -> UUID:
    """Raises NotFound."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("no such id") from None


def read_cursor(cursor: str | None) -> Before:
    """The place that a cursor stands for. Raises Refused."""
    if cursor is None:
        return None
    moment, row = _unpack(cursor, 2)
    try:
        return datetime.fromisoformat(moment), UUID(row)
    except (ValueError, TypeError):
        raise _foreign() from None


def read_number(cursor: str | None) -> int | None:
    """The number that a cursor of a list in order stands for. Raises Refused."""
    if cursor is None:
        return None
    (number,) = _unpack(cursor, 1)
    if not number.isdecimal() or len(number) > 18:
        raise _foreign()
    return int(number)


def cursor_of(*values: object) -> str:
    """The opaque form of a place in a list."""
    plain = [value.isoformat() if isinstance(value, datetime) else str(value) for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def page_of(rows: Sequence[C], limit: int, moment: Callable[[C], datetime] | None = None) -> "Page[C]":
    """The page of *rows*, of which one more than *limit* was asked for, so that the last page is known as such.

    *moment*: what the list is ordered by where that isn't `created_at`.
    """
    shown = list(rows[:limit])
    if len(rows) <= limit:
        return Page(items=shown)
    last = shown[-1]
    return Page(items=shown, next_cursor=cursor_of(moment(last) if moment else last.created_at, last.id))


def _unpack(cursor: str, count: int) -> list[str]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise _foreign() from None
    if not isinstance(values, list) or len(values) != count or not all(isinstance(value, str) for value in values):
        raise _foreign()
    return values


def _foreign() -> Refused:
    return Refused(422, "This cursor is none of ours: leave it out to start from the first page.")
