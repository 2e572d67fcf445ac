"""Pages of a list that is read from the newest on: the next one begins after the last row of the one before."""

from datetime import datetime
from typing import Any
from uuid import UUID

Before = tuple[datetime, UUID] | None
"""The last row's (time, id) of the page above; None for the first page."""


def page(before: Before, limit: int, **others: Any) -> dict[str, Any]:
    """The parameters `before_at`, `before_id` and `limit` that every list statement takes, beside its own."""
    at, row_id = before or (None, None)
    return {"before_at": at, "before_id": row_id, "limit": limit, **others}
