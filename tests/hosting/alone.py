"""Starts one function in a process where some modules can't be imported, as if they weren't installed.

python -m tests.hosting.alone <function> <module>…   prints what its /readyz says
"""

import asyncio
import importlib
import json
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class Missing(MetaPathFinder):
    """Finds none of *modules*, and nobody else is asked for them."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = frozenset(modules)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises ModuleNotFoundError for them and what is below them."""
        if name.partition(".")[0] in self._modules:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


async def start(name: str) -> dict[str, str]:
    """What the function says about its parts once it has started; it has stopped again then."""
    function = importlib.import_module(f"functions.{name}.main").function
    importlib.import_module("shared.serving")
    try:
        await function.start()
        parts: dict[str, str] = await function.ready()
        return parts
    finally:
        await function.stop()


if __name__ == "__main__":
    sys.meta_path.insert(0, Missing(sys.argv[2:]))
    print(json.dumps(asyncio.run(start(sys.argv[1]))))
