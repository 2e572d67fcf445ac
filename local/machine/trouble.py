"""Why a start fails, in words for the person who typed the command."""

from shared.errors import XinError


class CannotStart(XinError):
    """Its text is all that is printed: one sentence on what is wrong, and what to do about it."""
