"""The alarm: who waits for an answer is named, in the log and to Prometheus, until they wait no more.

It needs Postgres alone. console-api shows a tenant the same, live, also while no tick looks (shared/store/alarms.py).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from functions.automation_tick.gauges import GAUGES, Gauges, Look
from shared import telemetry
from shared.store import alarms
from shared.store.alarms import Waiting
from shared.store.tenancy import Store

NAMED = 50
"""So many are named at once, in series and log lines; all are counted."""
LOOK_SECONDS = 10
LONGEST_PAUSE_SECONDS = 3600


@dataclass(frozen=True)
class Named:
    """Who has been named, and how long they will have waited when the log says so again."""

    waiting: Waiting
    again_at: float


class Alarm:
    """One look after the other; what was said is remembered, so that the log doesn't repeat itself."""

    def __init__(self, store: Store, gauges: Gauges = GAUGES) -> None:
        self._store = store
        self._gauges = gauges
        self._named: dict[UUID, Named] = {}
        self._crowd = 0
        self._looking = asyncio.Lock()
        self._log = telemetry.logger("automation-tick")

    async def look(self) -> None:
        """Names who waits now. Raises DatabaseAway, TimeoutError."""
        async with self._looking, asyncio.timeout(LOOK_SECONDS):
            found = await alarms.look(self._store, limit=NAMED, known=self._named)
            by_cause = {waiting.why: waiting.alike for waiting in found}
            oldest = max((waiting.seconds for waiting in found), default=0.0)
            self._gauges.show(Look(by_cause, oldest, found[:NAMED]))
            self._tell(found, sum(by_cause.values()))

    def _tell(self, found: Sequence[Waiting], total: int) -> None:
        for conversation in self._named.keys() - {waiting.conversation for waiting in found}:
            # Pushed out by others is still found: whoever is missing was answered, taken over or closed.
            self._say_over(self._named[conversation].waiting)
        self._named = {waiting.conversation: self._say(waiting) for waiting in found[:NAMED]}
        if total <= NAMED:
            self._crowd = 0
        elif total >= 2 * self._crowd:
            self._crowd = total
            self._log.error("more customers wait than are named", extra={"waiting": total, "named": NAMED})

    def _say(self, waiting: Waiting) -> Named:
        """At first, and when they wait anew; then whenever the time has doubled, once an hour at least."""
        before = self._named.get(waiting.conversation)
        if before and before.waiting.seconds <= waiting.seconds < before.again_at:
            return Named(waiting, before.again_at)
        self._log.error("a customer waits", extra=_known(waiting))
        return Named(waiting, waiting.seconds + min(waiting.seconds, LONGEST_PAUSE_SECONDS))

    def _say_over(self, waiting: Waiting) -> None:
        self._log.info("a customer waits no more", extra=_known(waiting))


def _known(waiting: Waiting) -> dict[str, str | int | None]:
    """The line's keys; the correlation id is that of the message, and not the tick's."""
    return {
        "tenant": str(waiting.tenant),
        "conversation": str(waiting.conversation),
        "channel": str(waiting.channel),
        "seq": waiting.seq,
        "correlation_id": waiting.correlation,
        "seconds": round(waiting.seconds),
        "why": waiting.why,
    }
