"""What the person who starts Xin has set, from all the places where it can be said."""

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from local.machine.trouble import CannotStart


class Environment:
    """Variables by name; an empty one counts as not set."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    @classmethod
    def load(cls, process: Mapping[str, str], root: Path) -> "Environment":
        """
        The process environment, then the file that `XIN_ENV_FILE` names, then `config/.env.local` under *root*.

        Raises CannotStart when the named file can't be read.
        """
        values = _read(root / "config/.env.local")
        if named := process.get("XIN_ENV_FILE"):
            if not Path(named).is_file():
                raise CannotStart(f"XIN_ENV_FILE names {named}, and there is no such file.")
            values |= _read(Path(named))
        return cls(values | dict(process))

    def get(self, name: str) -> str | None:
        return self.values.get(name) or None

    def port(self, name: str, default: int) -> int:
        """Raises CannotStart when it is no port number."""
        text = self.get(name) or str(default)
        if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
            raise CannotStart(f"{name} is {text!r}; it must be a number between 1 and 65535.")
        return int(text)


def _read(path: Path) -> dict[str, str]:
    try:
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except (OSError, ValueError) as error:
        raise CannotStart(f"{path} can't be read: {error}.") from error
