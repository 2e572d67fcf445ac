"""What stands in the way of a change."""

from shared.errors import XinError


class Conflict(XinError):
    """The rows as they are don't allow it; says which, and what to do first."""
