"""Programs that came with a wheel and lie beside the interpreter."""

import shutil
import sys
from pathlib import Path

from local.machine.trouble import CannotStart


def program(name: str) -> Path:
    """Raises CannotStart when it isn't installed. Nothing is searched on PATH: another version may lie there."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise CannotStart(f"The program {name} is not installed beside {sys.executable}.")
    return Path(found)
