"""Pipeline and floor side by side: seconds, CPU seconds, peak memory and where the time goes."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks import report
from benchmarks.floor import read
from benchmarks.report import Growth, Pair
from benchmarks.sandbox import Sandbox, sandbox

QUICK_TRIALS = 2
PIPELINES = ("flights", "payments")
"""Those of which the price of one more partition is told."""


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--scale", type=int, nargs="+", default=[1, 10], help="times the flights")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each; the cheapest counts")
    parser.add_argument("--quick", action="store_true", help="few trials, no added partition")
    parser.add_argument("--keep", type=Path, help="folder to work in, which is kept")
    given = parser.parse_args()
    scales, repeat, quick, keep = given.scale, given.repeat, given.quick, given.keep
    console = Console()
    folder = keep or Path(tempfile.mkdtemp(prefix="ml-assets-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _bench(console, folder, scales, repeat, quick=quick)
    finally:
        if keep is None:
            shutil.rmtree(folder)


def _bench(console: Console, folder: Path, scales: list[int], repeat: int, *, quick: bool) -> None:
    pairs = []
    for scale in scales:
        made = sandbox(folder / f"{scale}x", scale, QUICK_TRIALS if quick else None)
        pairs.append(_pair(console, made, scale, repeat))
    console.print(report.comparison(pairs))
    console.print(report.parts(pairs))
    console.print(report.assets(pairs))
    console.print(report.loop(pairs))
    if not quick:
        console.print(report.growths([_growth(console, folder, name) for name in PIPELINES]))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    console.print(f"Load of this machine ({os.cpu_count()} processors) over 1, 5, 15 min: {load}.")
    if fault := report.different_work(pairs):
        sys.exit(fault)


def _pair(console: Console, made: Sandbox, scale: int, repeat: int) -> Pair:
    floors, pipelines = [], []
    for number in range(repeat):
        console.print(f"{scale}x: the floor ...")
        floors.append(made.floor(f"floor-{number}", "run"))
        console.print(f"{scale}x: the pipeline ...")
        pipelines.append(made.traced(f"pipeline-{number}", "run"))
    console.print(f"{scale}x: the loop over it ...")
    loop = made.traced(f"pipeline-{repeat - 1}", "loop")
    # The least disturbed: CPU time is what a loaded machine changes least.
    floor, pipeline = (min(runs, key=lambda run: run.cpu_seconds) for runs in (floors, pipelines))
    return Pair(scale, floor, pipeline, loop)


def _growth(console: Console, folder: Path, name: str) -> Growth:
    """Measure all partitions but the last with a model and its loop, then this one with both."""
    made = sandbox(folder / f"growth-{name}", 1, 1, name)
    *_, before, last = read(made.pipeline).partitions.keys()
    console.print(f"{name}: the floor, and {last} added ...")
    floor = made.floor("floor", "month")
    made.close(before)
    console.print(f"{name}: the pipeline up to {before} ...")
    built = made.traced("grown", "run")
    looped = made.traced("grown", "loop")
    made.close(last)
    console.print(f"{name}: {last} added ...")
    return Growth(name, last, floor, built, looped, made.traced("grown", "month"))


if __name__ == "__main__":
    main()
