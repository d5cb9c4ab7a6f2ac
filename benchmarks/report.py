"""The tables that the benchmark prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.measure import Measured

MEGABYTE = 2**20
LAYERS = ("raw.", "cleaned.", "features.")


@dataclass(frozen=True)
class Pair:
    """Both programs over the flights `scale` times."""

    scale: int
    floor: Measured
    pipeline: Measured
    loop: Measured
    """Reference, scores, monitors and decision over what the pipeline built."""

    @property
    def same_model(self) -> bool:
        """Whether both trained the same trees, so that they did the same work."""
        return bool(self.floor.result["hash"] == self.pipeline.result["hash"])


@dataclass(frozen=True)
class Growth:
    """Both programs over all partitions of a pipeline but the last, and then this one."""

    pipeline: str
    last: str
    floor: Measured
    built: Measured
    looped: Measured
    """Scores, monitors and decision of what was built."""
    added: Measured
    """Its tables, scores, statistics and decision."""


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


def different_work(pairs: Iterable[Pair]) -> str | None:
    """Say at which scales the ratios mean nothing, because the two trained different models."""
    found = ", ".join(f"{pair.scale}x" for pair in pairs if not pair.same_model)
    if not found:
        return None
    return f"Floor and pipeline trained different models at {found}: they did not do the same work."


def parts(pairs: list[Pair]) -> Table:
    """Return where the pipeline's time goes, wall and CPU, the largest part first."""
    found = []
    for pair in pairs:
        for kind, whole in (("seconds", pair.pipeline.seconds), ("cpu", pair.pipeline.cpu_seconds)):
            seconds = pair.pipeline.result[kind]
            found.append({**seconds, "the rest": whole - sum(seconds.values())})
    heads = [f"{pair.scale}x {kind}" for pair in pairs for kind in ("wall", "CPU")]
    return _seconds("Where the pipeline's time goes, by part (seconds)", heads, found)


def assets(pairs: list[Pair]) -> Table:
    """Return the wall time of each asset, the longest first."""
    found = []
    for pair in pairs:
        steps = pair.pipeline.result["assets"]
        outside = pair.pipeline.seconds - sum(steps.values())
        found.append({**steps, "start, plan, summary": outside})
    return _seconds(
        "Where the pipeline's time goes, by asset (wall seconds)", _scales(pairs), found
    )


def loop(pairs: list[Pair]) -> Table:
    """Return the wall time of each asset of the loop, the longest first."""
    found = [pair.loop.result["assets"] for pair in pairs]
    title = "The loop over all test partitions, by asset (wall seconds)"
    return _seconds(title, _scales(pairs), found)


def growths(found: Iterable[Growth]) -> Table:
    """Return what one more partition and its loop cost beside the same in the plain script."""
    table = Table(title="One more partition (wall seconds of the assets)", title_justify="left")
    table.add_column("")
    for name in ("floor", "pipeline", "ratio"):
        table.add_column(name, justify="right")
    for growth in found:
        floor = growth.floor.result["seconds"]
        for name, part, seconds in (
            ("tables up to it", "built", _of(growth.built, LAYERS)),
            (f"tables of {growth.last}", "added", _of(growth.added, LAYERS)),
            ("scores", "score", _of(growth.added, ("predictions.",))),
            ("monitors", "monitor", _of(growth.added, ("monitoring.",))),
            ("decision", "decide", _of(growth.added, ("retraining_decision",))),
        ):
            ratio = f"{seconds / floor[part]:.1f}"
            table.add_row(
                f"{growth.pipeline}: {name}", f"{floor[part]:.2f}", f"{seconds:.2f}", ratio
            )
        whole = f"{growth.pipeline}: all of {growth.last}, from start to end"
        table.add_row(whole, "", f"{growth.added.seconds:.2f}", "")
        for name, share in _shares(growth):
            table.add_row(f"{growth.pipeline}: {name}", "", f"{share:.1%}", "")
    return table


def _shares(growth: Growth) -> Iterator[tuple[str, float]]:
    """Yield what the added partition costs of the build before it with a model and its loop."""
    built, looped, added = growth.built, growth.looped, growth.added
    whole = built.cpu_seconds + looped.cpu_seconds
    yield "of the whole build, CPU seconds", added.cpu_seconds / whole
    yield "of the whole build, wall seconds", added.seconds / (built.seconds + looped.seconds)
    yield "of the whole build's tables", _of(added, LAYERS) / _of(built, LAYERS)


def _of(run: Measured, beginnings: tuple[str, ...]) -> float:
    """Return the seconds of the assets whose names begin so."""
    assets = run.result["assets"]
    return float(sum(seconds for name, seconds in assets.items() if name.startswith(beginnings)))


def _scales(pairs: list[Pair]) -> list[str]:
    return [f"{pair.scale}x" for pair in pairs]


def _seconds(title: str, heads: list[str], found: list[dict[str, float]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for head in heads:
        table.add_column(head, justify="right")
    names = {name: seconds for columns in reversed(found) for name, seconds in columns.items()}
    for name in sorted(names, key=lambda name: -names[name]):
        table.add_row(name, *(f"{columns.get(name, 0.0):.1f}" for columns in found))
    return table
