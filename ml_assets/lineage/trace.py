"""From a prediction to all it rests on: the version and its training, features, raw rows, label.

The rows are those that the score was computed from, read at the snapshot it was scored at; where
that has expired, or nothing was scored, they are today's.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_assets import clock
from ml_assets.errors import DataError, StorageError
from ml_assets.lineage.answer import label, label_key, prediction, why_unscored
from ml_assets.lineage.entity import find, named
from ml_assets.lineage.lookup import matching, records
from ml_assets.lineage.origin import origin
from ml_assets.lineage.registered import tables_read
from ml_assets.lineage.rows import Reader, StoredRows, with_changes
from ml_assets.sql.names import qualified
from ml_assets.sql.tables import CleanedTable, FeatureTable
from ml_assets.tables.plan import Stored
from ml_assets.tables.spine import spine
from ml_assets.warehouse import ledger
from ml_assets.warehouse.appended import decisions, promotions
from ml_assets.warehouse.lake import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.lineage.answer import Label, Prediction
    from ml_assets.lineage.entity import Entity
    from ml_assets.lineage.origin import ModelOrigin
    from ml_assets.tables.pipeline import Node, Pipeline
    from ml_assets.warehouse.settings import Settings

ORDER = {"features": 0, "cleaned": 1, "raw": 2}


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One entity, with what was answered about it and what the answer rests on."""

    pipeline: str
    key: Mapping[str, Any]
    partition: str | None
    prediction: Prediction | None
    unscored: str
    """Why there is no prediction; empty where there is one."""
    model: ModelOrigin | None
    """The version that scored it; None without a score, or where nothing is recorded of it."""
    label: Label
    snapshot: int | None
    """The snapshot that the rows were read at; None for today's."""
    rows: tuple[StoredRows, ...]
    """Features first, then the cleaned rows they and the label stand for, then the raw ones."""


def trace(pipeline: Pipeline, settings: Settings, given: Sequence[str]) -> Trace:
    """Return what the prediction about an entity rests on.

    `given` is its key: `name=value` each, or the values in the key's order. Raises DataError where
    it fits no entity or several.
    """
    with connect(pipeline.name, settings, read_only=True) as con:
        today = Stored(ledger.current(con, pipeline.name))
        _require_built(pipeline, today)
        entity = find(con, pipeline, named(spine(pipeline)[1].key, given))
        scored = prediction(con, pipeline, entity.key, entity.partition)
        why = "" if scored else _unscored(con, pipeline, settings, entity)
        books = promotions(con, pipeline.name), decisions(con, pipeline.name)
        model = None if scored is None else origin(pipeline, settings, scored.version, *books)
        names = None if model is None else tables_read(pipeline, model.record.features)
        with _then(con, pipeline, settings, scored) as (reader, snapshot):
            rows = [
                with_changes(one, pipeline.node(one.table), today)
                for one in _rows(reader, entity, names)
            ]
        raw = _label_raw(Reader(con, pipeline, today), entity)
        outcome = label(con, pipeline, label_key(pipeline, entity.key), clock.now(), raw)
    return Trace(
        pipeline=pipeline.name,
        key=entity.key,
        partition=entity.partition,
        prediction=scored,
        unscored=why,
        model=model,
        label=outcome,
        snapshot=snapshot,
        rows=tuple(rows),
    )


def _require_built(pipeline: Pipeline, today: Stored) -> None:
    node, _ = spine(pipeline)
    if not today.of(node):
        raise DataError(
            f"{pipeline.name}.{node.dotted} was never built.",
            f"Materialize it, or run `ml-assets run {pipeline.name}`.",
        )


def _unscored(
    con: DuckDBPyConnection, pipeline: Pipeline, settings: Settings, entity: Entity
) -> str:
    from ml_assets.registry.record import read_record
    from ml_assets.registry.versions import champion

    version = champion(settings.tracking_uri, pipeline.name)
    seen = None
    if version is not None:
        record = read_record(settings.tracking_uri, version.run_id)
        seen = version.version, record.trained_on
    return why_unscored(con, pipeline, entity.partition, seen)


@contextmanager
def _then(
    con: DuckDBPyConnection, pipeline: Pipeline, settings: Settings, scored: Prediction | None
) -> Iterator[tuple[Reader, int | None]]:
    """Give the lake as it was scored, today's where nothing was or the snapshot has expired."""
    snapshot = None if scored is None else scored.snapshot
    with ExitStack() as stack:
        if snapshot is not None:
            try:
                con = stack.enter_context(connect(pipeline.name, settings, snapshot=snapshot))
            except StorageError:
                snapshot = None
        yield Reader(con, pipeline, Stored(ledger.current(con, pipeline.name))), snapshot


def _rows(reader: Reader, entity: Entity, names: frozenset[str] | None) -> list[StoredRows]:
    """Return the rows of features, cleaned and raw tables, each table once.

    Of the feature tables those in `names`, all of them where it is None.
    """
    pipeline, found = reader.pipeline, dict[str, StoredRows]()
    chains = [
        reader.chain(node, key, entity.partition)
        for node, key in _features(reader, entity)
        if names is None or node.dotted in names
    ]
    label = pipeline.node(pipeline.declaration.label.table)
    chains.append(reader.chain(label, label_key(pipeline, entity.key), entity.partition))
    for chain in chains:
        for one in chain:
            found.setdefault(one.table, one)
    return sorted(found.values(), key=lambda one: ORDER[one.table.partition(".")[0]])


def _features(reader: Reader, entity: Entity) -> Iterator[tuple[Node, dict[str, Any]]]:
    """Yield the feature tables, each with the key by which the entity's row is joined."""
    node, _ = spine(reader.pipeline)
    where, bound = matching(entity.key)
    relation = qualified(reader.pipeline.name, *node.name)
    rows = records(reader.con, f"FROM {relation} WHERE {where}", bound)
    for other in reader.pipeline.features:
        table = other.declared
        if rows and isinstance(table, FeatureTable):
            yield other, {name: rows[0][name] for name in table.key}


def _label_raw(reader: Reader, entity: Entity) -> StoredRows | None:
    pipeline = reader.pipeline
    node, key = pipeline.node(pipeline.declaration.label.table), label_key(pipeline, entity.key)
    table = node.declared
    return reader.raw(table, key, entity.partition) if isinstance(table, CleanedTable) else None
