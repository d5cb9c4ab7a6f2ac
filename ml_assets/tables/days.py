"""monitoring.days: the sufficient statistics of what was scored, one row per day and version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ml_assets.ml.training_table import MULTICLASS
from ml_assets.monitors.days import SUMS, Days
from ml_assets.sql.names import columns, qualified
from ml_assets.tables.derived import Derived
from ml_assets.tables.spine import spine
from ml_assets.warehouse.slices import PARTITION

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ml_assets.ml.training_table import Floats
    from ml_assets.tables.pipeline import Pipeline

COUNTER = "days 2"
"""Raised when the platform changes what it counts."""
WORDS = {
    "model_version": "The version that scored the rows.",
    "date": "Local day of the rows.",
    "rows": "Scored rows.",
    "score": "Sum of the answers p: probabilities, or the label's unit for regression.",
    "expected_loss": "Sum of the loss that the model expects of itself; nats for probabilities.",
    "labelled": "Rows with a mature label; what is called labelled_ is summed over these.",
    "awaited": "Rows without one that may still get it.",
    "labelled_label": "Sum of the labels y; with several classes, rows whose class was right.",
    "labelled_score": "Sum of p; with several classes, of the class that was predicted.",
    "labelled_variance": "Sum of p(1 - p); for regression of (y - p)^2.",
    "labelled_loss": "Sum of the loss: log loss in nats, for regression the absolute error.",
    "histograms": "Rows per bin, by feature and for the scores; the last bin is NULL.",
    "classes": "By class: rows of it, sum of its probability p, sum of p(1 - p).",
}
HISTOGRAMS = "MAP(VARCHAR, BIGINT[])"
CLASSES = "MAP(VARCHAR, DOUBLE[])"


def days_table(pipeline: Pipeline) -> Derived:
    """Return the declaration of monitoring.days."""
    types = {
        "model_version": "INTEGER",
        "date": "DATE",
        **dict.fromkeys(SUMS, "DOUBLE"),
        "histograms": HISTOGRAMS,
        **({"classes": CLASSES} if _several(pipeline) else {}),
    }
    return Derived("monitoring", "days", types, COUNTER, spine(pipeline)[0].partitioned, WORDS)


def read_days(con: DuckDBPyConnection, pipeline: Pipeline, version: int) -> Days:
    """Return all days that `version` scored."""
    table = qualified(pipeline.name, "monitoring", "days")
    names = ["date", *SUMS, "histograms", *(["classes"] if _several(pipeline) else [])]
    rows = con.execute(
        # What was counted before labels were awaited waits for all of them.
        f"SELECT {columns(names)} FROM (SELECT * REPLACE"
        f" (coalesce(awaited, rows - labelled) AS awaited) FROM {table})"
        " WHERE model_version = ? ORDER BY date",
        [version],
    ).to_arrow_table()
    return Days(
        dates=rows["date"].to_numpy().astype("datetime64[D]"),
        histograms=_stacked(rows["histograms"]),
        classes=_stacked(rows["classes"]) if _several(pipeline) else {},
        **{name: rows[name].to_numpy() for name in SUMS},
    )


def days_arrow(version: int, days: Days, key: str | None) -> pa.Table:
    """Return the days of one slice as rows of the table."""
    maps = [
        [(name, counts[day].astype(np.int64).tolist()) for name, counts in days.histograms.items()]
        for day in range(len(days))
    ]
    sums = [
        [(name, values[day].tolist()) for name, values in days.classes.items()]
        for day in range(len(days))
    ]
    return pa.table(
        {
            PARTITION: pa.array([key] * len(days), pa.string()),
            "model_version": pa.array([version] * len(days), pa.int32()),
            "date": pa.array(days.dates.astype("datetime64[D]")),
            **{name: pa.array(getattr(days, name)) for name in SUMS},
            "histograms": pa.array(maps, pa.map_(pa.string(), pa.list_(pa.int64()))),
            "classes": pa.array(sums, pa.map_(pa.string(), pa.list_(pa.float64()))),
        }
    )


def _stacked(maps: pa.ChunkedArray) -> dict[str, Floats]:
    """Return the arrays of each name, one per day; zeros where a day has none of it."""
    each = [dict(found) for found in maps.to_pylist()]
    shapes = {name: len(values) for found in each for name, values in found.items()}
    return {
        name: np.array([found.get(name, [0.0] * count) for found in each], np.float64)
        for name, count in shapes.items()
    }


def _several(pipeline: Pipeline) -> bool:
    return pipeline.declaration.model.problem == MULTICLASS
