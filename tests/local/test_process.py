"""A part comes back when it dies, and nothing of it stays when it should not."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from local.machine.leftovers import Ledger
from local.machine.process import Part, Supervised
from local.machine.trouble import CannotStart
from tests.local.waiting import until

ROOT = Path(__file__).parents[2]
FOREVER = "import signal\nsignal.pause()"
DEAF = "import signal, pathlib\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\npathlib.Path('deaf').touch()\n" + FOREVER


def _part(code: str, folder: Path, ready_file: str | None = None, **options: object) -> Part:
    async def ready() -> bool:
        return ready_file is None or (folder / ready_file).exists()

    return Part(name="part", command=[sys.executable, "-c", code], ready=ready, directory=folder, **options)  # type: ignore[arg-type]


@asynccontextmanager
async def _supervised(part: Part, home: Path) -> AsyncIterator[tuple[Supervised, list[str]]]:
    said: list[str] = []
    supervised = Supervised(part, home=home, ledger=Ledger(home), say=said.append)
    yield supervised, said
    await supervised.stop()


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_comes_back(tmp_path: Path) -> None:
    """A part that is killed runs again a moment later, and whoever watches is told."""
    async with _supervised(_part(FOREVER, tmp_path), tmp_path) as (part, said):
        await part.start()
        first = part.pid
        assert first

        os.kill(first, signal.SIGKILL)
        await until(lambda: part.pid not in (None, first))

        assert "part died (killed by SIGKILL)" in said[0]


async def test_dies_at_once(tmp_path: Path) -> None:
    """A part that dies before it is ready fails the start, with its last words."""
    async with _supervised(_part("raise SystemExit('پورت گرفته است')", tmp_path, "never"), tmp_path) as (part, _):
        with pytest.raises(CannotStart, match=r"part ended at once \(exit code 1\)(?s:.*)پورت گرفته است"):
            await part.start()


async def test_never_ready(tmp_path: Path) -> None:
    """A part that doesn't get ready in time fails the start and is not left running."""
    never = _part(FOREVER, tmp_path, "never", ready_within_seconds=0.3)
    async with _supervised(never, tmp_path) as (part, _):
        with pytest.raises(CannotStart, match="was not ready after"):
            await part.start()
        assert part.pid is None


async def test_stubborn(tmp_path: Path) -> None:
    """A part that doesn't listen to SIGTERM is killed after its time."""
    async with _supervised(_part(DEAF, tmp_path, "deaf", stop_within_seconds=0.2), tmp_path) as (part, _):
        await part.start()
        pid = part.pid
        assert pid

        began = time.monotonic()
        await part.stop()

        assert time.monotonic() - began < 2
        assert not _alive(pid)


async def test_stop_while_coming_back(tmp_path: Path) -> None:
    """A part that is told to stop while it waits to be started again stays away."""
    async with _supervised(_part(FOREVER, tmp_path), tmp_path) as (part, said):
        await part.start()
        assert part.pid
        os.kill(part.pid, signal.SIGKILL)
        await until(lambda: said)

        await part.stop()

        assert part.pid is None


async def test_nothing_is_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part gets the environment that was meant for it: no other part's secrets."""
    monkeypatch.setenv("OPENAI_API_KEY", "راز")
    code = "import os, json, pathlib\npathlib.Path('seen').write_text(json.dumps(dict(os.environ)))\n" + FOREVER
    async with _supervised(_part(code, tmp_path, "seen", environment={"MINE": "یک"}), tmp_path) as (part, _):
        await part.start()
        seen = json.loads((tmp_path / "seen").read_text() or "{}")

    assert seen["MINE"] == "یک"
    assert "OPENAI_API_KEY" not in seen


PARENT = """
import asyncio, sys
from pathlib import Path
from local.machine.leftovers import Ledger
from local.machine.process import Part, Supervised

async def main():
    home = Path(sys.argv[1])
    async def ready():
        return (home / "child").exists()
    part = Part(name="part", command=[sys.executable, "-c", sys.argv[2]], ready=ready, directory=home)
    await Supervised(part, home=home, ledger=Ledger(home), say=print).start()
    (home / "started").touch()
    await asyncio.Event().wait()

asyncio.run(main())
"""
# Its own child holds on to life: it asked for no signal at the parent's death.
CHILD = f"""
import os, pathlib, subprocess, sys
grandchild = subprocess.Popen([sys.executable, "-c", {FOREVER!r}])
pathlib.Path("grandchild").write_text(str(grandchild.pid))
pathlib.Path("child").write_text(str(os.getpid()))
{FOREVER}
"""


async def test_killed_supervisor(tmp_path: Path) -> None:
    """When the supervisor is killed its children go with it, and the next start ends their children."""
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(tmp_path), CHILD), cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    await until((tmp_path / "started").exists, 20)
    child, grandchild = (int((tmp_path / name).read_text()) for name in ("child", "grandchild"))

    supervisor.kill()
    await supervisor.wait()
    await until(lambda: not _alive(child))
    assert _alive(grandchild)

    assert Ledger(tmp_path).sweep() == ["part"]
    assert not _alive(grandchild)


async def test_used_again(tmp_path: Path) -> None:
    """A process that has the number of an old child, but is none of ours, is left in peace."""
    stranger = await asyncio.create_subprocess_exec(sys.executable, "-c", FOREVER, start_new_session=True)
    ledger = Ledger(tmp_path)
    ledger.note("part", stranger.pid)
    noted = json.loads((tmp_path / "processes.json").read_text())
    noted[0]["started"] -= 1
    (tmp_path / "processes.json").write_text(json.dumps(noted))

    assert Ledger(tmp_path).sweep() == []
    assert _alive(stranger.pid)

    stranger.kill()
    await stranger.wait()
