"""What can go wrong, in one small tree.

    XinError
    ├── Retryable       the same call may work later            → 503, with Retry-After where known
    ├── Permanent       no retry will help                      → kept as a dead letter, then 2xx
    │   ├── Unreadable  a body or event that makes no sense
    │   └── NotFound    the row that was named isn't there (for this tenant)
    ├── Forged          a wrong or missing secret or signature  → 401, nothing stored
    └── TooLarge        announced or read over the limit        → 413

Anything else is a bug: 500, retried by the broker, then dead-lettered by it.
"""


class XinError(Exception):
    """The root: catch it where every failure of ours is handled alike."""


class Retryable(XinError):
    """Something we lean on is away; the caller should come again."""

    def __init__(self, reason: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class Permanent(XinError):
    """No retry will make it work."""


class Unreadable(Permanent):
    """A body of ours or a provider's that isn't what it should be."""


class NotFound(Permanent):
    """The row that was named does not exist, or belongs to another tenant: to the caller that is the same."""


class Forged(XinError):
    """Who sent this could not prove who they are."""


class TooLarge(XinError):
    """The body is over the limit of the door it came through."""
