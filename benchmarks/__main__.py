"""Pipeline and floor side by side: seconds, CPU seconds, peak memory and where the time goes."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks import report
from benchmarks.report import Pair
from benchmarks.sandbox import Sandbox, sandbox

QUICK_TRIALS = 2


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--scale", type=int, nargs="+", default=[1, 10], help="times the flights")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each; the fastest counts")
    parser.add_argument("--quick", action="store_true", help="1x, few trials, no added month")
    parser.add_argument("--keep", type=Path, help="folder to work in, which is kept")
    given = parser.parse_args()
    scales, repeat, quick, keep = given.scale, given.repeat, given.quick, given.keep
    console = Console()
    folder = keep or Path(tempfile.mkdtemp(prefix="ml-assets-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _bench(console, folder, [1] if quick else scales, repeat, quick=quick)
    finally:
        if keep is None:
            shutil.rmtree(folder)


def _bench(console: Console, folder: Path, scales: list[int], repeat: int, *, quick: bool) -> None:
    pairs = []
    for scale in scales:
        code = folder / f"{scale}x"
        shutil.rmtree(code, ignore_errors=True)
        made = sandbox(code, scale, QUICK_TRIALS if quick else None)
        pairs.append(_pair(console, made, scale, repeat))
    console.print(report.comparison(pairs))
    console.print(report.parts(pairs))
    console.print(report.assets(pairs))
    if not quick:
        console.print(_month(console, folder))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    console.print(f"Load of this machine ({os.cpu_count()} processors) over 1, 5, 15 min: {load}.")


def _pair(console: Console, made: Sandbox, scale: int, repeat: int) -> Pair:
    floors, pipelines = [], []
    for number in range(repeat):
        console.print(f"{scale}x: the floor ...")
        floors.append(made.run(f"floor-{number}", "benchmarks.floor", str(made.pipeline)))
        console.print(f"{scale}x: the pipeline ...")
        pipelines.append(made.run(f"pipeline-{number}", "benchmarks.traced", "run"))
    floor, pipeline = (min(runs, key=lambda run: run.seconds) for runs in (floors, pipelines))
    return Pair(scale, floor, pipeline)


def _month(console: Console, folder: Path) -> str:
    """Return a line that compares adding December's tables with building all twelve months'."""
    code = folder / "month"
    shutil.rmtree(code, ignore_errors=True)
    made = sandbox(code, 1, None)
    console.print("1x: twelve months of tables, eleven, and one added ...")
    twelve = made.run("twelve", "benchmarks.traced", "tables")
    made.close("2013-11")
    made.run("grown", "benchmarks.traced", "tables")
    made.close("2013-12")
    one = made.run("grown", "benchmarks.traced", "tables")
    return report.month(one, twelve)


if __name__ == "__main__":
    main()
