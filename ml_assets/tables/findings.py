"""What the monitors found, one table per monitor: a row per window and kind of alarm."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ml_assets import clock
from ml_assets.sql.accounting import all_kept
from ml_assets.sql.names import qualified, quote
from ml_assets.sql.windows import instant
from ml_assets.tables.built import Built, in_one_transaction
from ml_assets.tables.derived import Derived
from ml_assets.tables.spine import spine
from ml_assets.tables.store import store_slices
from ml_assets.warehouse.slices import PARTITION, stored_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Pipeline

MONITOR = "monitor 6"
"""Raised when the platform changes what its monitors say."""
CHANGES = ("drift", "performance")
"""The monitors of a changed world."""
MONITORS = ("data_quality", *CHANGES)
WORDS = {
    "cause": "The kind of alarm, such as calibration.",
    "verdict": "ok, alarm, not enough data or broken.",
    "period": "The partition, or what the window is called.",
    "event_time": "Event time of the evidence.",
    "reason": "The verdict in words, with its numbers.",
    "model_version": "The version that was live; empty where no model is asked.",
    "statistic": "What was measured, in the unit that the reason gives.",
    "threshold": "The limit it was held against.",
    "details": "JSON: the numbers behind it, such as the features that moved most.",
}
JUDGED = ("ok", "alarm", "broken")
"""Verdicts that say something of their window."""
SILENCED = "silenced"
"""Detail of a finding: it would have fired too often in the reference for any verdict."""
_RELATION = "_found"


@dataclass(frozen=True, kw_only=True)
class Found:
    """One verdict of one monitor about one window."""

    cause: str
    verdict: str
    """ok, alarm, not enough data or broken."""
    period: str
    """Key of the partition, or what the window is called."""
    event_time: datetime
    """Event time of the evidence."""
    reason: str
    model_version: int | None = None
    statistic: float | None = None
    threshold: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def silenced(self) -> bool:
        """Whether more data of the like would bring no verdict either."""
        return bool(self.details.get(SILENCED))


def findings_table(pipeline: Pipeline, monitor: str) -> Derived:
    """Return the declaration of monitoring.<monitor>."""
    types = {
        "cause": "VARCHAR",
        "verdict": "VARCHAR",
        "period": "VARCHAR",
        "event_time": "TIMESTAMPTZ",
        "reason": "VARCHAR",
        "model_version": "INTEGER",
        "statistic": "DOUBLE",
        "threshold": "DOUBLE",
        "details": "VARCHAR",
    }
    return Derived("monitoring", monitor, types, MONITOR, spine(pipeline)[0].partitioned, WORDS)


def store_findings(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    monitor: str,
    window: Window,
    found: Mapping[str, Sequence[Found]],
    inputs: Callable[[str], Mapping[str, Mapping[str, str]]],
    *,
    run_id: str,
    on_wait: Callable[[str], None],
) -> list[Built]:
    """Store what `monitor` found in the slices of `window`, by partition, all or none."""
    table = findings_table(pipeline, monitor)
    con.register(_RELATION, _arrow([(key, one) for key in window.keys for one in found[key]]))
    slices = [
        Built(table, key, all_kept(table.dotted, "monitoring", len(found[key])))
        for key in window.keys
    ]

    def store() -> list[Built]:
        return store_slices(
            con,
            pipeline,
            table,
            slices,
            kept=f"SELECT {table.casts}, {instant(clock.now())} AS evaluated_at,"
            f" {quote(PARTITION)} FROM {_RELATION}",
            rejected=None,
            inputs=lambda key: inputs(str(key)),
            run_id=run_id,
            marks={"evaluated_at": "TIMESTAMPTZ"},
        )

    return in_one_transaction(con, pipeline, table, window, store, run_id=run_id, on_wait=on_wait)


def read_findings(con: DuckDBPyConnection, pipeline: Pipeline, monitor: str) -> list[Found]:
    """Return everything `monitor` says of the stored windows, oldest first."""
    table = qualified(pipeline.name, "monitoring", monitor)
    if stored_columns(con, pipeline.name, "monitoring", monitor) is None:
        return []
    names = list(findings_table(pipeline, monitor).types)
    listed = ", ".join(f'"{name}"' for name in names)
    rows = con.execute(f"SELECT {listed} FROM {table} ORDER BY event_time, cause").fetchall()
    found = [dict(zip(names, row, strict=True)) for row in rows]
    return [Found(**{**row, "details": json.loads(row["details"])}) for row in found]


def all_findings(con: DuckDBPyConnection, pipeline: Pipeline) -> list[Found]:
    """Return what every monitor says of the stored windows."""
    return [found for monitor in MONITORS for found in read_findings(con, pipeline, monitor)]


def newest_windows(found: Sequence[Found]) -> dict[str, Found]:
    """Return the finding of each cause in its newest window with a verdict, else the newest.

    A window whose verdict is silenced has been looked at as well.
    """
    newest: dict[str, Found] = {}
    for item in sorted(found, key=lambda one: (_looked_at(one), one.event_time)):
        newest[item.cause] = item
    return newest


def _looked_at(found: Found) -> bool:
    return found.verdict in JUDGED or found.silenced


def _arrow(slices: Sequence[tuple[str, Found]]) -> pa.Table:
    found = [one for _, one in slices]
    return pa.table(
        {
            PARTITION: pa.array([key for key, _ in slices], pa.string()),
            "cause": pa.array([item.cause for item in found], pa.string()),
            "verdict": pa.array([item.verdict for item in found], pa.string()),
            "period": pa.array([item.period for item in found], pa.string()),
            "event_time": pa.array([item.event_time for item in found], pa.timestamp("us", "UTC")),
            "reason": pa.array([item.reason for item in found], pa.string()),
            "model_version": pa.array([item.model_version for item in found], pa.int32()),
            "statistic": pa.array([item.statistic for item in found], pa.float64()),
            "threshold": pa.array([item.threshold for item in found], pa.float64()),
            "details": pa.array(
                [json.dumps(item.details, sort_keys=True) for item in found], pa.string()
            ),
        }
    )
