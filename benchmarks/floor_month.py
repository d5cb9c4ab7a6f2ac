"""The newest partition in the plain script: its tables, and what a loop does with it."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa

from ml_assets.sql.names import columns, literal
from ml_assets.tables.entities import entities_sql
from ml_assets.tables.labels import labels_sql
from ml_assets.tables.spine import feature_names, spine

if TYPE_CHECKING:
    from benchmarks.floor import Floor

TENTHS = np.linspace(0, 1, 11)[1:-1]


def month(floor: Floor) -> dict[str, object]:
    """Build all partitions but the last and learn from them; return what this one costs."""
    *before, last = floor.pipeline.partitions.keys()
    with floor.timed("built"):
        floor.build(before)
    training, _ = floor.training_set()
    fitted = floor.fit(training)
    names = [
        name for name in feature_names(floor.pipeline) if pa.types.is_floating(training[name].type)
    ]
    bounds = {name: np.nanquantile(training[name].to_numpy(), TENTHS) for name in names}
    with floor.timed("added"):
        for node in floor.pipeline.ordered:
            floor.tables.add(node, last)
    with floor.timed("score"):
        rows = _entities(floor, last)
        scores = pa.array(fitted.model.predict(rows))
        floor.con.register("scored_rows", rows.append_column("score", scores))
        floor.con.execute("CREATE TEMP TABLE scored AS FROM scored_rows")
    with floor.timed("monitor"):
        found = {
            name: np.bincount(np.digitize(rows[name].to_numpy(), bounds[name])).tolist()
            for name in names
        }
        days = _days(floor)
    with floor.timed("decide"):
        _decide(days, found)
    return {"seconds": floor.seconds, "cpu": floor.cpu_seconds, "rows": rows.num_rows}


def _entities(floor: Floor, key: str) -> pa.Table:
    """Return the rows to score of one partition."""
    sql = entities_sql(floor.pipeline, feature_names(floor.pipeline), [key])
    return floor.con.execute(sql).to_arrow_table()


def _days(floor: Floor) -> list[tuple[object, ...]]:
    """Return per day how many rows were scored and labelled, and the sums of both."""
    table = spine(floor.pipeline)[1]
    zone = literal(floor.pipeline.declaration.time_zone)
    return floor.con.execute(
        f"SELECT CAST(timezone({zone}, {table.time}) AS DATE), count(*), sum(score),"
        f" count(_label), sum(_label) FROM scored LEFT JOIN"
        f" ({labels_sql(floor.pipeline, list(table.key))}) USING ({columns(table.key)})"
        " GROUP BY 1 ORDER BY 1"
    ).fetchall()


def _decide(days: list[tuple[object, ...]], found: dict[str, list[int]]) -> None:
    """Write to a file whether labels and scores are far apart, and why."""
    rows = [day for day in days if day[4]]
    observed = sum(float(str(day[4])) for day in rows) / sum(float(str(day[2])) for day in rows)
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(Path(folder) / "decisions.duckdb") as con,
    ):
        con.execute(
            "CREATE TABLE decisions (decided_at TIMESTAMPTZ, action VARCHAR, reason VARCHAR)"
        )
        action = "retrain" if abs(observed - 1) > 0.1 else "hold"
        reason = f"observed / expected {observed:.3f} over {len(found)} features"
        con.execute("INSERT INTO decisions VALUES (?, ?, ?)", [datetime.now(UTC), action, reason])
