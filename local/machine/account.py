"""Under which system user PostgreSQL runs. It refuses to run as root, so root gives it a user of its own."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from local.machine.process import Account
from local.machine.trouble import CannotStart

NAME = "xin-postgres"


def owner_of(path: Path) -> Account:
    """Raises CannotStart when the system doesn't know that user: PostgreSQL looks itself up."""
    return _account(path.stat().st_uid)


def account_for_postgres() -> Account | None:
    """None for an ordinary user, who runs it as himself; for root the user `xin-postgres`, made when missing."""
    if os.geteuid() != 0:
        _account(os.geteuid())
        return None
    try:
        return _from(pwd.getpwnam(NAME))
    except KeyError:
        return _create()


def _create() -> Account:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
    hint = f"PostgreSQL does not run as root: create the system user {NAME}, or start Xin as an ordinary user."
    if useradd is None:
        raise CannotStart(f"There is no useradd. {hint}")
    made = subprocess.run(
        [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME], capture_output=True, text=True
    )
    try:
        return _from(pwd.getpwnam(NAME))
    except KeyError:
        raise CannotStart(f"useradd failed: {made.stderr.strip()}. {hint}") from None


def _account(uid: int) -> Account:
    try:
        return _from(pwd.getpwuid(uid))
    except KeyError:
        raise CannotStart(
            f"PostgreSQL needs a user that the system knows, and there is none with the number {uid}."
        ) from None


def _from(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
