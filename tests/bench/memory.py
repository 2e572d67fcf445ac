"""Whether all of it fits into a small machine while it works: documents come in, with vectors, and customers write.

There is no limit of the kernel's here: setting one takes a memory cgroup of our own, which neither an ordinary user nor
a container has, and RLIMIT_AS counts what a process reserves and not what all of them use. So what they use is watched
instead: the PSS of every process, several times a second, and the highest sum is what is printed. It holds Postgres'
shared memory once, and no page cache, which the kernel takes back when it is short.
"""

import asyncio
import threading
from types import TracebackType
from typing import Self

from tests.bench.load import answered, new_chats
from tests.bench.messages import pss_mib
from tests.bench.pages import pages
from tests.bench.report import row
from tests.bench.stage import Bench, Stage
from tests.bench.uploading import signed_in, until, upload

DOCUMENTS = 100
MESSAGES = 100
LIMIT_MIB = 1024
LOOK_SECONDS = 0.5
SECONDS = 600


class Watched:
    """Looks from a thread of its own while the block runs. `peak_mib` is the highest sum seen, `looks` how many."""

    def __init__(self, running: Stage) -> None:
        self._running = running
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_mib = 0.0
        self.looks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.peak_mib = max(self.peak_mib, pss_mib(self._running))
            self.looks += 1


async def working(bench: Bench) -> None:
    """The peak from an empty start to all documents searchable by meaning too, with customers writing meanwhile."""
    with bench.on(XIN_EMBEDDINGS="endpoint") as running, Watched(running) as watched:
        async with signed_in(running) as client:
            ids = await upload(client, pages(DOCUMENTS))
            answering = asyncio.create_task(_converse(bench, running))
            await until(client, ids, seconds=SECONDS)
            await until(client, ids, seconds=SECONDS, field="dense")
            await answering
    row("working_pss_peak_mib", watched.peak_mib, "MiB", documents=DOCUMENTS, messages=MESSAGES, looks=watched.looks)
    assert watched.peak_mib < LIMIT_MIB, f"more than {LIMIT_MIB} MiB"


async def _converse(bench: Bench, running: Stage) -> None:
    """A message, its answer, and the next ten at once."""
    for _ in range(0, MESSAGES, 10):
        await answered(running.telegram, bench.provider, new_chats(10))
