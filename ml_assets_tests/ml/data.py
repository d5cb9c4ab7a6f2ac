"""Small training tables in which the truth is known."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa

from ml_assets.ml.spec import ModelSpec, SplitSpec, TuningSpec

FEATURES = ("carrier", "hour", "wind", "unknown plane")
PARTITIONS = ("2013-01", "2013-02", "2013-03", "2013-04")


def model_spec(**settings: Any) -> ModelSpec:  # noqa: ANN401 - passed on as they are
    """A spec for `training_table`: one month tests, one tunes."""
    defaults: dict[str, Any] = {
        "split": SplitSpec(test=1, tune=1),
        "tuning": TuningSpec(trials=3),
        "rate_baseline": ("carrier",),
        "minimum_rows": 100,
    }
    return ModelSpec(**(defaults | settings))


def training_table(rows: int = 4000, problem: str = "binary", seed: int = 0) -> pa.Table:
    """Flights of four months: carrier and wind make them late, with NULLs in both."""
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(0, 120, rows))
    carrier = rng.integers(0, 6, rows)
    wind = rng.normal(10, 5, rows)
    hour = rng.integers(5, 24, rows)
    late = 0.8 * (carrier % 3) + 0.2 * (wind - 10) + 0.05 * (hour - 14) + rng.logistic(size=rows)
    predicted = [_instant(int(d), int(h) - 2) for d, h in zip(day, hour, strict=True)]
    return pa.table(
        {
            "flight": pa.array(range(rows), pa.int64()),
            "_partition": [f"{moment:%Y-%m}" for moment in (_instant(int(d), 0) for d in day)],
            "_cluster": pa.array([_instant(int(d), 0).date() for d in day], pa.date32()),
            "_prediction_time": pa.array(predicted, pa.timestamp("us", "UTC")),
            "_label_known_at": pa.array(
                [moment + dt.timedelta(hours=9) for moment in predicted], pa.timestamp("us", "UTC")
            ),
            "_label": (late > 1.5).astype(float) if problem == "binary" else 10 * late,
            "carrier": pa.array([f"C{c}" for c in carrier], mask=rng.random(rows) < 0.05),
            "hour": pa.array(hour, pa.int32()),
            "wind": pa.array(wind, mask=rng.random(rows) < 0.1),
            "unknown plane": pa.array(rng.random(rows) < 0.2),
        }
    )


def _instant(day: int, hour: int) -> dt.datetime:
    start = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
    return start + dt.timedelta(days=day, hours=hour)


def replace(table: pa.Table, name: str, values: Any) -> pa.Table:  # noqa: ANN401
    """Return `table` with the column `name` replaced."""
    return table.set_column(table.column_names.index(name), name, pa.array(values))
