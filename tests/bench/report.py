"""What `make bench` prints: one JSON object a line."""

import json
from collections.abc import Sequence


def row(bench: str, value: float, unit: str, baseline: float | None = None, *, digits: int = 2, **more: object) -> None:
    """Prints one line of the report. *more* says what a row of several is about, or adds what else was measured."""
    ratio = None if baseline is None else round(value / baseline, 3)
    shown = {"bench": bench, "value": round(value, digits), "unit": unit}
    shown |= {"baseline": None if baseline is None else round(baseline, digits), "ratio": ratio}
    print(json.dumps({**shown, **more}), flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """Of *values* in seconds, in milliseconds."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1000
