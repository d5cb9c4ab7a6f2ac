"""The training set: features joined with mature labels, as one SELECT over the lake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.sql.names import columns, literal, qualified, quote
from ml_assets.tables.entities import among, joined
from ml_assets.tables.labels import labels_sql
from ml_assets.tables.spine import own_features, refuse_unknown, spine

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Pipeline


@dataclass(frozen=True)
class TrainingSet:
    """What a training set holds and what was left out of it, in rows."""

    entities: int
    rows: int
    without_label: int
    immature: int
    broken: int
    """With a label that is known, in slices that are judged broken."""
    by_partition: dict[str, int]


def training_sql(
    pipeline: Pipeline,
    as_of: datetime,
    names: list[str],
    partitions: Sequence[str] | None = None,
    broken: Collection[str] = (),
) -> str:
    """Return the SELECT of `names` for all entities with a label known at `as_of`, by key.

    With `partitions`, only for the entities in these; never for those in `broken` ones.
    """
    node, table = spine(pipeline)
    key = list(table.key)
    wanted = [name for name in names if name not in key]
    refuse_unknown({name: "" for n in pipeline.features for name in own_features(n)}, (*wanted,))
    features = columns(wanted)
    zone = pipeline.declaration.time_zone.replace("'", "''")
    return f"""
        SELECT {columns(key)}, _partition,
            CAST(timezone('{zone}', {quote(table.time or "")}) AS DATE) AS _cluster,
            {quote(table.prediction_time or "")} AS _prediction_time,
            _label_known_at, _label, {features}
        FROM ({joined(pipeline, node, table, wanted)})
        JOIN ({labels_sql(pipeline, key)}) USING ({columns(key)})
        WHERE _label IS NOT NULL AND _label_known_at <= TIMESTAMPTZ '{as_of.isoformat()}'
            AND {among(partitions)} AND {apart(broken)}
        ORDER BY {columns(key)}
    """


def apart(broken: Collection[str]) -> str:
    """Return SQL for what is in none of the partitions `broken`."""
    listed = ", ".join(literal(key) for key in sorted(broken))
    return f"_partition NOT IN ({listed})" if listed else "true"


def summarise(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    as_of: datetime,
    broken: Collection[str] = (),
    partitions: Sequence[str] | None = None,
) -> TrainingSet:
    """Count what the training set, or some partitions of it, holds without `broken` slices.

    DataError where it is empty.
    """
    node, table = spine(pipeline)
    key = columns(list(table.key))
    rows = con.execute(f"""
        SELECT _partition, count(*), count(_label),
            count(_label) FILTER (_label_known_at <= TIMESTAMPTZ '{as_of.isoformat()}')
        FROM {qualified(pipeline.name, *node.name)}
        LEFT JOIN ({labels_sql(pipeline, list(table.key))}) USING ({key})
        WHERE {among(partitions)} GROUP BY _partition ORDER BY _partition
    """).fetchall()
    entities, labelled, mature = (sum(row[i] for row in rows) for i in (1, 2, 3))
    if mature == 0:
        raise DataError(
            f"{pipeline.name} has {entities:,} entities and no label known by {as_of:%Y-%m-%d}.",
            f"Materialize {pipeline.declaration.label.table} and check when its rows become known.",
        )
    left_out = sum(row[3] for row in rows if row[0] in broken)
    return TrainingSet(
        entities=entities,
        rows=mature - left_out,
        without_label=entities - labelled,
        immature=labelled - mature,
        broken=left_out,
        by_partition={row[0]: row[3] for row in rows if row[0] not in broken},
    )


def read(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    as_of: datetime,
    names: list[str],
    partitions: Sequence[str] | None = None,
    broken: Collection[str] = (),
) -> pa.Table:
    """Return the training set, or some partitions of it, as an Arrow table sorted by key."""
    return con.execute(training_sql(pipeline, as_of, names, partitions, broken)).to_arrow_table()
