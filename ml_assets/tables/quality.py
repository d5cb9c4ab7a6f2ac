"""Broken data: whether the features that the champion reads are there, slice by slice."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.monitors.absences import Absences, of_days
from ml_assets.monitors.days import is_score
from ml_assets.monitors.quality import missing
from ml_assets.sql.names import literal, quote
from ml_assets.tables.entities import entities_sql
from ml_assets.tables.findings import Found, findings_table, read_findings
from ml_assets.tables.plan import WHOLE
from ml_assets.tables.scores import MODEL, feature_inputs
from ml_assets.tables.spine import spine
from ml_assets.warehouse.slices import PARTITION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.monitors.quality import Missing
    from ml_assets.monitors.reference import Reference
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.tables.plan import Stored

QUALITY = "data_quality"
"""The monitor, and its finding of missing values."""
NAMED = 3
DETAILED = 5
_FLOATS = {"DOUBLE", "FLOAT", "REAL"}


def quality_found(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    version: int,
    reference: Reference,
    keys: Sequence[str],
) -> dict[str, Found]:
    """Return by slice whether it has the features of `version` about as often as its reference.

    Both count all entities, also those that never get a label, such as cancelled flights.
    """
    names = [name for name in reference.bins if not is_score(name)]
    return {
        key: _judged(pipeline, version, reference, key, rows, shares)
        for key, (rows, shares) in null_shares(con, pipeline, names, keys).items()
    }


def _judged(
    pipeline: Pipeline,
    version: int,
    reference: Reference,
    key: str,
    rows: int,
    shares: Mapping[str, float],
) -> Found:
    first, last = pipeline.partitions.days(key)
    usual = reference.absences or of_days(reference.days)
    length = (last - first).days + 1
    ranked = missing(usual, shares, length, pipeline.declaration.monitoring.missing)
    worst = ranked[0] if rows and ranked else None
    return Found(
        cause=QUALITY,
        verdict="not enough data" if worst is None else "broken" if worst.broken else "ok",
        period=key,
        event_time=pipeline.partitions.window(key).end,
        reason="no rows to judge" if worst is None else _reason(ranked),
        model_version=version,
        statistic=None if worst is None else worst.share,
        threshold=None if worst is None else worst.limit,
        details={"rows": rows, "features": [asdict(item) for item in ranked[:DETAILED]]},
    )


def null_shares(
    con: DuckDBPyConnection, pipeline: Pipeline, names: Sequence[str], keys: Sequence[str]
) -> dict[str, tuple[int, dict[str, float]]]:
    """Return by slice its rows, and the share of them without a value of each feature.

    NaN is no value, as in the reference. A feature that no table has any more is missing in all.
    """
    types = _types(pipeline)
    stored = [name for name in names if name in types]
    counts = ["count(*)", *(_absent(name, types[name]) for name in stored)]
    counted = {
        key: numbers
        for key, *numbers in con.execute(
            f"SELECT {quote(PARTITION)}, {', '.join(counts)}"
            f" FROM ({entities_sql(pipeline, stored, keys)}) GROUP BY {quote(PARTITION)}"
        ).fetchall()
    }
    found = {}
    for key in keys:
        rows, *absent = counted.get(key, [0] * len(counts))
        shares = {name: n / max(rows, 1) for name, n in zip(stored, absent, strict=True)}
        found[key] = (rows, {**dict.fromkeys(names, 1.0), **shares})
    return found


def absences(
    con: DuckDBPyConnection, pipeline: Pipeline, names: Sequence[str], keys: Sequence[str]
) -> Absences:
    """Return how many entities of the partitions `keys` lack each feature, by local day."""
    types = _types(pipeline)
    _, table = spine(pipeline)
    zone = literal(pipeline.declaration.time_zone)
    counts = "".join(f", {_absent(name, types[name])}" for name in names)
    found = con.execute(
        f"SELECT CAST(timezone({zone}, {quote(table.time or '')}) AS DATE) AS day, count(*)"
        f"{counts} FROM ({entities_sql(pipeline, list(names), keys)}) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    dates = np.array([row[0] for row in found], "datetime64[D]")
    rows, *absent = np.array([row[1:] for row in found], np.float64).reshape(len(found), -1).T
    return Absences(dates, rows, dict(zip(names, absent, strict=True)))


def _types(pipeline: Pipeline) -> dict[str, str]:
    return {name: kind for node in pipeline.features for name, kind in node.types.items()}


def due_quality(
    pipeline: Pipeline, stored: Stored, version: int, keys: Sequence[str | None]
) -> list[str]:
    """Return the slices whose features, champion or allowance are not those they were judged by."""
    before = {item.partition: item.inputs for item in stored.of(findings_table(pipeline, QUALITY))}
    return [
        key
        for key in built(pipeline, stored, keys)
        if before.get(key) != quality_inputs(pipeline, stored, version, key)
    ]


def built(pipeline: Pipeline, stored: Stored, keys: Sequence[str | None]) -> list[str]:
    """Return those of `keys` whose entities were built."""
    node, _ = spine(pipeline)
    return [key for key in keys if key is not None and stored.get(node, key) is not None]


def quality_inputs(
    pipeline: Pipeline, stored: Stored, version: int, key: str
) -> dict[str, dict[str, str]]:
    """Return what the verdict on one slice depends on, as the ledger records it."""
    features = feature_inputs(pipeline, stored, key)
    allowed = pipeline.declaration.monitoring.missing
    return {**features, MODEL: {WHOLE: str(version)}, "monitoring.missing": {WHOLE: str(allowed)}}


def broken_slices(con: DuckDBPyConnection, pipeline: Pipeline) -> dict[str, str]:
    """Return the slices that were last judged broken, with the reason."""
    found = read_findings(con, pipeline, QUALITY)
    return {
        item.period: item.reason
        for item in found
        if item.cause == QUALITY and item.verdict == "broken"
    }


def _absent(name: str, kind: str) -> str:
    column = quote(name)
    no_number = f" OR isnan({column})" if kind in _FLOATS else ""
    return f"count(*) FILTER ({column} IS NULL{no_number})"


def _reason(ranked: Sequence[Missing]) -> str:
    """Return the broken features, worst first, or the one that is nearest to its limit."""
    told = [item for item in ranked if item.broken] or ranked[:1]
    text = "; ".join(f"{item} (limit {item.limit:.1%})" for item in told[:NAMED])
    return f"{text}; and {len(told) - NAMED} more" if len(told) > NAMED else text
