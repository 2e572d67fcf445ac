"""`make bench`: one JSON object a line, ratios against a baseline of the same run. `make bench` alone runs all of it.

Names and aims: DESIGN §5, README. `make bench ARGS="recall ingest"` runs the groups named.
"""

import argparse
import tempfile
from pathlib import Path

import uvloop

from tests.bench import growth, ingest, memory, messages, recall
from tests.bench.imports import imports
from tests.bench.load import Provider
from tests.bench.stage import Bench

GROUPS = ("import", "ingress", "pipeline", "ingest", "memory", "growth", "recall")


async def main(wanted: set[str]) -> None:
    """The rows of the groups *wanted*."""
    if "import" in wanted:
        imports()
    if wanted - {"import", "recall"}:
        provider = Provider()
        with tempfile.TemporaryDirectory(prefix="xin-bench-") as folder:
            async with provider.running():
                await on_a_stage(wanted, Path(folder), provider)
    if "recall" in wanted:
        await recall.rows()


async def on_a_stage(wanted: set[str], folder: Path, provider: Provider) -> None:
    """What needs the product running."""
    bench = Bench(folder / "home", provider)
    if wanted & {"ingress", "pipeline"}:
        throughput = await messages.whole(bench)
        if "pipeline" in wanted:
            await messages.beside_one_process(bench, throughput)
        if "ingress" in wanted:
            await messages.taking_in(bench)
    if "ingest" in wanted:
        await ingest.ingest(bench)
    if "memory" in wanted:
        await memory.working(Bench(folder / "memory", provider))
    if "growth" in wanted:
        await growth.growth(Bench(folder / "small", provider), Bench(folder / "large", provider))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("groups", nargs="*", choices=GROUPS, help="all of them where none is named")
    uvloop.run(main(set(arguments.parse_args().groups or GROUPS)))
