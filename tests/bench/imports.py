"""What a function's cold start pays for modules."""

import os
import subprocess
import sys

from tests.bench.report import row
from tests.product import ROOT

FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py"))
RUNS = 5


def imports() -> None:
    """Milliseconds to import each function, beside functions_framework.aio alone."""
    baseline = _least("functions_framework.aio")
    for function in FUNCTIONS:
        row("import_ms", _least(f"functions.{function}.main"), "ms", baseline, function=function.replace("_", "-"))


def _least(module: str) -> float:
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    runs = [
        subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, check=True)
        for _ in range(RUNS)
    ]
    return min(float(run.stdout) for run in runs) * 1000
