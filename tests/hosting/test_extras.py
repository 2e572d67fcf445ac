"""Each function is installed by its own extra of pyproject.toml: that holds what it needs, and no more.

`closure` is what an extra installs, by what the installed distributions say they require. Which modules a function may
come to import is read from the code, imports inside functions included; that it starts is tried.
"""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions, requires

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.hosting.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py"))
OURS = ("events", "shared", "functions", "local")
PARTS_OF_OUR_OWN = {"embed_chunk": ["shared.knowledge.reading"]}
"""Modules that a function starts as a process instead of importing them."""
BY_SETTING = {"fastembed", "opentelemetry"}
"""Imported only where a setting asks for it; the extras `fastembed` and `telemetry` install them."""
READS_ONLY = {name: {"regex"} for name in FUNCTIONS if name.startswith("ingress_")}
"""regex is for cutting a long reply, and ingress functions send none."""
PROVIDED_BY = {
    module: {canonicalize_name(name) for name in names} for module, names in packages_distributions().items()
}


def closure(requirements: Iterable[str]) -> set[str]:
    """The names of all distributions that *requirements* install here."""
    found: set[tuple[str, str]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) in found:
                continue
            found.add((name, extra))
            below = [Requirement(text) for text in requires(name) or ()]
            waiting += [one for one in below if one.marker is None or one.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


def installed_with(function: str) -> set[str]:
    return closure([*PROJECT["dependencies"], *EXTRAS[function.replace("_", "-")]])


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*OURS, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None)


def imported_by(graph: grimp.ImportGraph, function: str) -> set[str]:
    """Top-level modules of others that the function and what hosts it may come to import."""
    roots = [f"functions.{function}.main", "shared.hosting", "shared.serving", *PARTS_OF_OUR_OWN.get(function, ())]
    reached = set().union(*(graph.find_upstream_modules(root) for root in roots))
    return {name for module in reached if (name := module.partition(".")[0]) not in {*OURS, *sys.stdlib_module_names}}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_missing(graph: grimp.ImportGraph, function: str) -> None:
    """Whatever a function may come to import is installed by its extra."""
    installed = installed_with(function)
    needed = imported_by(graph, function) - BY_SETTING - READS_ONLY.get(function, set())
    assert "pydantic" in needed
    assert [module for module in sorted(needed) if not PROVIDED_BY[module] & installed] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_idle(graph: grimp.ImportGraph, function: str) -> None:
    """Whatever an extra names, its function imports: every package is one more to download, load and trust."""
    used = set().union(*(PROVIDED_BY[module] for module in imported_by(graph, function)))
    named = [canonicalize_name(Requirement(text).name) for text in EXTRAS[function.replace("_", "-")]]
    assert [name for name in named if name not in used] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_starts_alone(function: str, environment: dict[str, str]) -> None:
    """A function starts where nothing is installed but what its extra brings."""
    installed = installed_with(function)
    missing = [module for module, names in PROVIDED_BY.items() if not names & installed and module != "tests"]
    assert "pytest" in missing

    command = [sys.executable, "-m", "tests.hosting.alone", function, *missing]
    run = subprocess.run(
        command, env={**os.environ, **environment}, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1])["postgres"] == "ok"
