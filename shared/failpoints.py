"""Labelled points between two steps of a function, where a test holds or kills the process to see what comes of it.

In service nothing is armed and passing a point does nothing. https://www.freebsd.org/cgi/man.cgi?query=fail&sektion=9
"""

from collections.abc import Awaitable, Callable
from typing import Literal

Point = Literal[
    "ingress.authenticated",
    "ingress.stored",
    "ingress-web.stored",
    "orchestrate.leased",
    "orchestrate.composed",
    "orchestrate.committed",
    "deliver.claimed",
    "deliver.answered",
    "deliver.recorded",
    "deliver.joined",
    "embed-chunk.claimed",
    "embed-chunk.read",
    "embed-chunk.indexed",
    "embed-chunk.activated",
    "embed-chunk.removed",
    "automation-tick.looked",
    "automation-tick.claimed",
    "automation-tick.done",
    "automation-tick.kept",
    "console-api.object_stored",
    "console-api.upload_stored",
    "console-api.replied",
]
"""`function.what_has_just_happened`; what comes next has not. The `ingress` points are those of every webhook."""

Action = Callable[[Point], Awaitable[None]]

_armed: Action | None = None


def arm(action: Action | None) -> None:
    """Calls *action* at every point from now on; None disarms. For tests alone."""
    global _armed
    _armed = action


async def reached(point: Point) -> None:
    """Passes *point*."""
    if _armed is not None:
        await _armed(point)
