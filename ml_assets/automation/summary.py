"""What a person wants to read after a run, from what the run left behind."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.assets.decision import newest_decision
from ml_assets.assets.events import latest
from ml_assets.automation.loop_state import loop_lines
from ml_assets.tables.summary import Totals, all_totals
from ml_assets.warehouse.lake import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.table import Table

    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings


SHOWN = ("auc", "average_precision", "log_loss", "mae", "rmse")
"""The metrics of the summary, with the pipeline's own; the report has all of them."""


@dataclass(frozen=True)
class Evaluated:
    """The numbers of the newest evaluation, as its materialization carries them."""

    version: int
    report: Path
    metrics: dict[str, float]

    def candidates(self) -> list[str]:
        """Return the names of the model and its baselines, the model first."""
        return list(dict.fromkeys(name.split(" ")[0] for name in self.metrics))

    def estimate(self, candidate: str, metric: str) -> str:
        """Return `0.755 (0.741, 0.768)`, a dash where it was not measured."""
        name = f"{candidate} {metric}"
        if name not in self.metrics:
            return "-"
        low, high = self.metrics[f"{name}_low"], self.metrics[f"{name}_high"]
        return f"{self.metrics[name]:.3f} ({low:.3f}, {high:.3f})"


def newest_evaluation(instance: dg.DagsterInstance, pipeline: Pipeline) -> Evaluated | None:
    """Return the newest evaluation of the pipeline, None where there is none."""
    value = latest(instance, dg.AssetKey([pipeline.name, "evaluation"]))
    if value is None:
        return None
    metrics = {
        name: number for name, number in value.items() if " " in name and isinstance(number, float)
    }
    return Evaluated(int(value["version"]), Path(str(value["report"])), metrics)


def print_summary(
    console: Console, instance: dg.DagsterInstance, pipeline: Pipeline, settings: Settings
) -> None:
    """Print rows in, kept and rejected, test metrics beside the baselines, and what to do next."""
    with connect(pipeline.name, settings, read_only=True) as con:
        console.print(_rows(pipeline, all_totals(con, pipeline)))
    evaluated = newest_evaluation(instance, pipeline)
    if evaluated is None:
        console.print("No model has been evaluated yet.")
        return
    console.print(_metrics(pipeline, evaluated))
    alias = _aliases(pipeline, settings, evaluated.version)
    example = next(iter(pipeline.declaration.cleaned))
    console.print(f"Model     {pipeline.name} version {evaluated.version} ({alias})")
    console.print(f"Report    {evaluated.report}", soft_wrap=True)
    for line in loop_lines(pipeline, settings):
        console.print(line, soft_wrap=True, highlight=False)
    console.print(
        "Next      make ui   look at lineage, tables, checks and runs"
        f"{_asked(instance, pipeline)}\n{_activate()}"
        f"          ml-assets evaluate {pipeline.name}   walk forward through time\n"
        f'          ml-assets sql {pipeline.name} "FROM cleaned.{example} LIMIT 5"',
        soft_wrap=True,
        highlight=False,
    )


def _activate() -> str:
    """Tell how the shell finds the commands, where it does not: make needs no activated .venv."""
    if shutil.which("ml-assets") is not None:
        return ""
    script = os.path.relpath(Path(sys.executable).parent / "activate")
    return f"          . {script}   lets the shell find ml-assets\n"


def _asked(instance: dg.DagsterInstance, pipeline: Pipeline) -> str:
    """Tell what starts by itself as soon as the daemon runs, so that nobody is surprised."""
    decision = newest_decision(instance, pipeline)
    if decision is None or not decision.asks:
        return ""
    sensor = f"{pipeline.name}_retraining"
    return f", and let its sensor {sensor} {decision.action}; it can be turned off under Automation"


def _rows(pipeline: Pipeline, totals: dict[str, Totals]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = f"{pipeline.name}: every row accounted for"
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("table", no_wrap=True)
    for name in ("rows in", "kept", "left out"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why")
    for dotted, found in totals.items():
        left = found.rows_in - found.kept
        numbers = (found.rows_in, found.kept, left)
        table.add_row(dotted, *(f"{number:,}" for number in numbers), "\n".join(_why(found)))
    return table


def _why(found: Totals) -> Iterator[str]:
    for name, rows in found.excluded.items():
        yield f"{rows:,} excluded: {name}"
    for name, rows in found.rejected.items():
        yield f"{rows:,} rejected: {name}"
    if found.duplicates:
        yield f"{found.duplicates:,} duplicates"


def _metrics(pipeline: Pipeline, evaluated: Evaluated) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = "Later data than all training, with 95 % intervals from resampling days"
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("candidate", no_wrap=True)
    own = (spec.name for spec in pipeline.declaration.evaluation.metrics)
    model = evaluated.candidates()[0]
    names = [name for name in (*SHOWN, *own) if f"{model} {name}" in evaluated.metrics]
    for name in names:
        # Four do not fit on a narrow terminal: an interval then stands in two lines, uncut.
        table.add_column(name.replace("_", " "), justify="right", no_wrap=len(names) < 4)
    for candidate in evaluated.candidates():
        table.add_row(candidate, *(evaluated.estimate(candidate, name) for name in names))
    return table


def _aliases(pipeline: Pipeline, settings: Settings, version: int) -> str:
    """Return the aliases of a version, or those of its refit, which goes live in its place."""
    from ml_assets.registry.versions import versions

    found = versions(settings.tracking_uri, pipeline.name)
    own = next((one for one in found if one.version == version), None)
    if own is None:
        return "not registered"
    if own.aliases:
        return ", ".join(own.aliases)
    refits = (one for one in reversed(found) if one.refit_of == version and one.aliases)
    refit = next(refits, None)
    if refit is None:
        return "no alias"
    return f"its refit, version {refit.version}, is {', '.join(refit.aliases)}"
