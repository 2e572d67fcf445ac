"""The beats of PingSources. A beat that nobody takes after six attempts is lost, as it is on a cluster.

Source: https://github.com/knative/eventing, pkg/adapter/mtping/runner.go.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import aiohttp
from cronsim import CronSim
from yarl import URL

from local.broker.events import Event
from local.broker.http import post
from local.broker.manifests import PingSource
from local.broker.moments import now

RETRIES = 5
FIRST_WAIT_SECONDS = 0.05
SPREAD_SECONDS = 0.5
ATTEMPT_SECONDS = 60.0

_log = logging.getLogger("xin-broker")


class Clock:
    """One PingSource, sending to *url*."""

    def __init__(self, source: PingSource, namespace: str, url: URL, *, on_lost: Callable[[], None]) -> None:
        self._source = source
        self._origin = f"/apis/v1/namespaces/{namespace}/pingsources/{source.metadata.name}"
        self._url = url
        self._on_lost = on_lost

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Beats until cancelled. A beat that is slow to be taken doesn't hold up the next."""
        zone = UTC if self._source.spec.timezone == "UTC" else ZoneInfo(self._source.spec.timezone)
        async with asyncio.TaskGroup() as beats:
            for moment in CronSim(self._source.spec.schedule, datetime.now(zone)):
                wait = (moment - datetime.now(zone)).total_seconds()
                if wait < -1:  # the machine slept: what was missed is missed
                    continue
                await asyncio.sleep(max(0.0, wait))
                beats.create_task(self._beat(session))

    async def _beat(self, session: aiohttp.ClientSession) -> None:
        event = self.event()
        await asyncio.sleep(random.uniform(0, SPREAD_SECONDS))  # noqa: S311 - so that clocks don't all beat at once
        for attempt in range(RETRIES + 1):
            if attempt:
                await asyncio.sleep(FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
            answer = await post(session, self._url, event.in_binary_mode(), event.data, ATTEMPT_SECONDS)
            if 200 <= answer.code < 300:
                return
        _log.warning("a beat of %s is lost: %d", self._source.metadata.name, answer.code)
        self._on_lost()

    def event(self) -> Event:
        """What one beat says."""
        attributes = {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": self._origin,
            "type": "dev.knative.sources.ping",
            "time": now(),
        }
        return Event(attributes, self._source.spec.content_type or None, self._source.spec.data.encode())
