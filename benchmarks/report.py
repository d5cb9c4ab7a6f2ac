"""The tables that the benchmark prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.measure import Measured

MEGABYTE = 2**20


@dataclass(frozen=True)
class Pair:
    """Both programs over the flights `scale` times."""

    scale: int
    floor: Measured
    pipeline: Measured

    @property
    def same_model(self) -> bool:
        """Whether both trained the same trees, so that they did the same work."""
        return bool(self.floor.result["hash"] == self.pipeline.result["hash"])


def comparison(pairs: Iterable[Pair]) -> Table:
    """Return one line per scale and quantity: floor, pipeline, and their ratio."""
    table = Table(title="The pipeline and the floor", title_justify="left")
    table.add_column("flights")
    table.add_column("")
    for name in ("floor", "pipeline", "ratio"):
        table.add_column(name, justify="right")
    table.add_column("same model")
    for pair in pairs:
        lines = (
            ("wall seconds", pair.floor.seconds, pair.pipeline.seconds),
            ("CPU seconds", pair.floor.cpu_seconds, pair.pipeline.cpu_seconds),
            ("peak MB", pair.floor.peak_bytes / MEGABYTE, pair.pipeline.peak_bytes / MEGABYTE),
        )
        for number, (name, floor, pipeline) in enumerate(lines):
            first = number == 0
            scale, same = f"{pair.scale}x" if first else "", str(pair.same_model) if first else ""
            ratio = f"{pipeline / floor:.2f}"
            table.add_row(scale, name, f"{floor:,.1f}", f"{pipeline:,.1f}", ratio, same)
    return table


def parts(pairs: list[Pair]) -> Table:
    """Return where the pipeline's wall time goes, the largest part first."""
    return _seconds(
        "Where the pipeline's time goes, by part (wall seconds)",
        pairs,
        [{**pair.pipeline.result["seconds"], "the rest": _rest(pair.pipeline)} for pair in pairs],
    )


def assets(pairs: list[Pair]) -> Table:
    """Return the wall time of each asset, the longest first."""
    found = []
    for pair in pairs:
        steps = pair.pipeline.result["assets"]
        outside = pair.pipeline.seconds - sum(steps.values())
        found.append({**steps, "start, plan, summary": outside})
    return _seconds("Where the pipeline's time goes, by asset (wall seconds)", pairs, found)


def month(one: Measured, twelve: Measured) -> str:
    """Return what adding one month costs beside building all twelve."""
    parts = [sum(run.result["assets"].values()) for run in (one, twelve)]
    return (
        f"Tables only: adding one month takes {one.seconds:.1f} s ({parts[0]:.1f} s in assets), "
        f"building twelve {twelve.seconds:.1f} s ({parts[1]:.1f} s): "
        f"{parts[0] / parts[1]:.0%} of the assets' time."
    )


def _seconds(title: str, pairs: list[Pair], found: list[dict[str, float]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for pair in pairs:
        table.add_column(f"{pair.scale}x", justify="right")
    names = {name: seconds for columns in reversed(found) for name, seconds in columns.items()}
    for name in sorted(names, key=lambda name: -names[name]):
        table.add_row(name, *(f"{columns.get(name, 0.0):.1f}" for columns in found))
    return table


def _rest(run: Measured) -> float:
    return run.seconds - float(sum(run.result["seconds"].values()))
