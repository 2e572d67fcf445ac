"""The alarm as Prometheus sees it, by the last look of this process.

A look grows old: the tick may have died, or the next ones went to another replica. What it found is told for a minute
and no longer; when it looked is told always, so that silence can be told from peace. docs/runbooks/a-customer-waits.md
"""

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from shared.store.alarms import Waiting

FRESH_SECONDS = 60
"""Six ticks. Ages grow on between two looks."""


@dataclass(frozen=True)
class Look:
    """What was found: how many wait by cause, how long the longest, and those who are named."""

    by_cause: Mapping[str, int]
    oldest_seconds: float
    named: Collection[Waiting]
    at: float = field(default_factory=time.time)
    monotonic: float = field(default_factory=time.monotonic)


class Gauges(Collector):
    """Replaced as a whole with every look: a scrape at the same moment, in another thread, sees one or the other."""

    def __init__(self) -> None:
        self._look: Look | None = None

    def show(self, look: Look) -> None:
        """From now on these wait, and nobody else."""
        self._look = look

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Nothing before the first look: the other functions' processes say nothing about who waits."""
        look = self._look
        if look is None:
            return
        age = time.monotonic() - look.monotonic
        yield GaugeMetricFamily(
            "xin_tick_looked_timestamp_seconds", "When the tick last looked who waits.", value=look.at
        )
        if age > FRESH_SECONDS:
            return
        total = sum(look.by_cause.values())
        yield GaugeMetricFamily(
            "xin_unanswered_conversations",
            "Conversations whose customer has waited for a minute or longer, named or not.",
            value=total,
        )
        yield GaugeMetricFamily(
            "xin_unanswered_oldest_seconds",
            "How long the longest waiting customer has waited.",
            value=look.oldest_seconds + age if total else 0,
        )
        causes = GaugeMetricFamily(
            "xin_unanswered_by_cause", "The same conversations by what holds them up.", labels=["why"]
        )
        for why, many in look.by_cause.items():
            causes.add_metric([why], many)
        yield causes
        named = GaugeMetricFamily(
            "xin_unanswered_seconds",
            "How long a conversation's customer has waited; of many conversations the longest waiting.",
            labels=["tenant", "conversation"],
        )
        for waiting in look.named:
            named.add_metric([str(waiting.tenant), str(waiting.conversation)], waiting.seconds + age)
        yield named


GAUGES = Gauges()
REGISTRY.register(GAUGES)
