"""The table of a replay as files: JSON, CSV, and a page with plots that opens offline."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from io import StringIO
from typing import TYPE_CHECKING

from ml_assets.replay.drawn import over_time
from ml_assets.replay.terminal import alarms, answer, shown_metrics
from ml_assets.reports.report import environment
from ml_assets.reports.scores import metric

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml_assets.replay.root import Root
    from ml_assets.replay.table import Period
    from ml_assets.tables.pipeline import Pipeline


def write_pages(root: Root, pipeline: Pipeline, periods: Sequence[Period]) -> dict[str, Path]:
    """Write the table beside the replay; return the paths by what they are."""
    pages = {
        "Page": (root.folder / "replay.html", page(pipeline, periods)),
        "Table": (root.folder / "table.csv", as_csv(periods)),
        "JSON": (root.folder / "table.json", as_json(periods)),
    }
    for path, text in pages.values():
        path.write_text(text, encoding="utf-8")
    found = {name: path for name, (path, _) in pages.items()}
    report = root.data / "reports" / f"{pipeline.name}.html"
    return {**found, "Report": report, "Log": root.log}


def as_json(periods: Sequence[Period]) -> str:
    """Return everything that is known of every partition."""
    return json.dumps([asdict(period) for period in periods], indent=2) + "\n"


def as_csv(periods: Sequence[Period]) -> str:
    """Return a line per partition, metrics with their bounds in columns of their own."""
    names = list(dict.fromkeys(name for period in periods for name in period.metrics))
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    plain = ("partition", "rows", "version", "coverage", "alarms")
    decided = ("decision", "reason", "gate", "promoted", "after")
    bounds = [f"{name}{suffix}" for name in names for suffix in ("", "_low", "_high")]
    writer.writerow([*plain, *bounds, *decided])
    for period in periods:
        found = [period.metrics.get(name) for name in names]
        numbers = [
            value
            for one in found
            for value in ((one.value, one.low, one.high) if one else (None, None, None))
        ]
        about = (period.partition, period.rows, period.version, period.coverage)
        told = [getattr(period, name) for name in decided]
        writer.writerow([*about, "; ".join(alarms(period)), *numbers, *told])
    return text.getvalue()


def page(pipeline: Pipeline, periods: Sequence[Period]) -> str:
    """Return the page as HTML text; everything from data is escaped."""
    names = shown_metrics(pipeline.declaration.model.problem)
    return (
        environment()
        .get_template("replay.html")
        .render(
            pipeline=pipeline.name,
            question=pipeline.declaration.label.description,
            periods=periods,
            metrics={name: metric(name).name for name in names},
            charts=[over_time(periods, name, metric(name).name) for name in names],
            alarms=alarms,
            answer=answer,
            retrained=sum(bool(period.gate) for period in periods),
            promoted=sum(period.promoted for period in periods),
        )
    )
