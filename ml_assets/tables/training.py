"""The training set: features joined with mature labels, as one SELECT over the lake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.errors import DataError, DeclarationError
from ml_assets.ml.training_table import MULTICLASS
from ml_assets.sql.names import columns, literal, qualified, quote
from ml_assets.sql.tables import CleanedTable, FeatureTable
from ml_assets.sql.windows import instant
from ml_assets.tables.visibility import lookahead, slice_keys

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Node, Pipeline


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


def feature_names(pipeline: Pipeline) -> list[str]:
    """Return the model's feature columns, in declared order."""
    spec = pipeline.declaration.model
    found: dict[str, str] = {}
    for node in pipeline.features:
        for name in _own_features(node):
            if name in found:
                raise DeclarationError(
                    f"The feature {name!r} is in {found[name]} and in {node.dotted}.",
                    "Give one of them another name.",
                )
            found[name] = node.dotted
    _refuse_unknown(found, (*(spec.features or ()), *spec.exclude))
    _refuse_unknown(dict.fromkeys(spine(pipeline)[1].key, ""), spec.key_features)
    _refuse_unknown({**found, **dict.fromkeys(spec.key_features, "")}, spec.rate_baseline)
    chosen = spec.features if spec.features is not None else tuple(found)
    return [*spec.key_features, *(name for name in chosen if name not in spec.exclude)]


def _own_features(node: Node) -> list[str]:
    table = node.declared
    if not isinstance(table, FeatureTable):
        raise TypeError(f"{node.dotted} is no feature table")
    own = {*table.key, table.time, table.prediction_time}
    return [name for name in table.columns if name not in own]


def _refuse_unknown(found: dict[str, str], named: tuple[str, ...]) -> None:
    unknown = [name for name in named if name not in found]
    if unknown:
        raise DeclarationError(
            f"model names {', '.join(unknown)}, which is none of the columns it may name.",
            f"These are {', '.join(found)}.",
        )


def spine(pipeline: Pipeline) -> tuple[Node, FeatureTable]:
    """Return the feature table whose rows are the entities to predict: the first with a time."""
    for node in pipeline.features:
        if isinstance(node.declared, FeatureTable) and node.declared.prediction_time:
            return node, node.declared
    raise DeclarationError(
        f"{pipeline.name} has no feature table with a prediction_time.",
        "Declare one whose rows are what the model predicts.",
    )


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
    _refuse_unknown({name: "" for n in pipeline.features for name in _own_features(n)}, (*wanted,))
    features = columns(wanted)
    zone = pipeline.declaration.time_zone.replace("'", "''")
    return f"""
        SELECT {columns(key)}, _partition,
            CAST(timezone('{zone}', {quote(table.time or "")}) AS DATE) AS _cluster,
            {quote(table.prediction_time or "")} AS _prediction_time,
            _label_known_at, _label, {features}
        FROM ({_entities(pipeline, node, table, wanted)})
        JOIN ({labels_sql(pipeline, key)}) USING ({columns(key)})
        WHERE _label IS NOT NULL AND _label_known_at <= TIMESTAMPTZ '{as_of.isoformat()}'
            AND {_among(partitions)} AND {apart(broken)}
        ORDER BY {columns(key)}
    """


def apart(broken: Collection[str]) -> str:
    """Return SQL for what is in none of the partitions `broken`."""
    listed = ", ".join(literal(key) for key in sorted(broken))
    return f"_partition NOT IN ({listed})" if listed else "true"


def _among(partitions: Sequence[str] | None) -> str:
    """Return SQL for what is in one of `partitions`, with None for everything."""
    if partitions is None:
        return "true"
    return f"_partition IN ({', '.join(literal(key) for key in partitions) or 'NULL'})"


def _entities(pipeline: Pipeline, node: Node, table: FeatureTable, wanted: list[str]) -> str:
    joins = [f"{qualified(pipeline.name, *node.name)} AS spine"]
    selected = ["spine.*"]
    for other in pipeline.features:
        if other.name == node.name or not isinstance(other.declared, FeatureTable):
            continue
        # Only what is wanted: an older snapshot may lack what was declared since.
        own = [name for name in _own_features(other) if name in wanted]
        if not own:
            continue
        alias = quote(other.table)
        selected.extend(f"{alias}.{quote(name)}" for name in own)
        matches = " AND ".join(
            f"spine.{quote(name)} = {alias}.{quote(name)}" for name in other.declared.key
        )
        # A partition prunes files on both sides of the join.
        if other.partitioned and table.time:
            matches += f" AND spine._partition = {alias}._partition"
        joins.append(f"LEFT JOIN {qualified(pipeline.name, *other.name)} AS {alias} ON {matches}")
    return f"SELECT {', '.join(selected)} FROM {' '.join(joins)}"


def entities_sql(pipeline: Pipeline, names: list[str], partitions: Sequence[str] | None) -> str:
    """Return the SELECT of the features `names` and the times of all entities, by key.

    With `partitions`, only of those in these.
    """
    node, table = spine(pipeline)
    key = list(table.key)
    wanted = [name for name in names if name not in key]
    times = [name for name in (table.time, table.prediction_time) if name and name not in key]
    return f"""
        SELECT {columns(list(dict.fromkeys([*key, *times, "_partition", *wanted])))}
        FROM ({_entities(pipeline, node, table, wanted)})
        WHERE {_among(partitions)}
        ORDER BY {columns(key)}
    """


def labels_sql(pipeline: Pipeline, key: list[str]) -> str:
    """Return the SELECT of every label, NULL where there is none, with the moment it is known.

    `_label_partition` says in which slice it is. A slice that looks ahead at what is not over, left
    from before it did, has none.
    """
    label = pipeline.declaration.label
    node = pipeline.node(label.table)
    if not isinstance(node.declared, CleanedTable) or node.declared.known_at is None:
        raise TypeError(f"{node.dotted} cannot be a label's table")
    return f"""
        SELECT {columns(key)}, CAST(({label.value}) AS {label_type(pipeline)}) AS _label,
            {quote(node.declared.known_at)} AS _label_known_at, _partition AS _label_partition
        FROM {qualified(pipeline.name, *node.name)}{_over(pipeline, node)}
    """


def label_type(pipeline: Pipeline) -> str:
    """Return the type of labels: text for classes, else numbers."""
    return "VARCHAR" if pipeline.declaration.model.problem == MULTICLASS else "DOUBLE"


def _over(pipeline: Pipeline, node: Node) -> str:
    if not node.partitioned or not lookahead(node):
        return ""
    return f" WHERE {_among([key for key in slice_keys(pipeline, node) if key])}"


def outcomes_sql(
    pipeline: Pipeline, as_of: datetime, names: list[str], partitions: Sequence[str] | None
) -> str:
    """Return the SELECT of scores with their features, day and what is known of labels.

    With `partitions`, only of those in these.
    `_label` is NULL where none is known at `as_of`. Scores of rows the model was trained on are
    left out: they say nothing of how it does.
    """
    _, table = spine(pipeline)
    key = columns(list(table.key))
    zone = literal(pipeline.declaration.time_zone)
    entities = entities_sql(pipeline, names, partitions)
    scores = qualified(pipeline.name, "predictions", "scores")
    several = pipeline.declaration.model.problem == MULTICLASS
    answer = "probabilities" if several else "score"
    return f"""
        SELECT entities.*, scores.{answer} AS _score, scores.model_version AS _version,
            labels._label,
            CAST(timezone({zone}, entities.{quote(table.time or "")}) AS DATE) AS _cluster
        FROM ({entities}) AS entities
        JOIN (SELECT {key}, {answer}, model_version FROM {scores}
            WHERE NOT trained_on AND {_among(partitions)}) AS scores USING ({key})
        LEFT JOIN (SELECT * FROM ({labels_sql(pipeline, list(table.key))})
            WHERE _label_known_at <= {instant(as_of)}) AS labels USING ({key})
        ORDER BY {key}
    """


def known_labels(con: DuckDBPyConnection, pipeline: Pipeline, as_of: datetime) -> dict[str, int]:
    """Return how many labels of each partition are known at `as_of`."""
    node = pipeline.node(pipeline.declaration.label.table)
    if not isinstance(node.declared, CleanedTable):
        raise TypeError(f"{node.dotted} cannot be a label's table")
    rows = con.execute(
        f"SELECT coalesce(_partition, ''), count(*) FROM {qualified(pipeline.name, *node.name)}"
        f" WHERE {quote(node.declared.known_at or '')} <= {instant(as_of)} GROUP BY 1"
    ).fetchall()
    return dict(rows)


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
        WHERE {_among(partitions)} GROUP BY _partition ORDER BY _partition
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
