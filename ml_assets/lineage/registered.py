"""Registered versions as lineage sees them: what each was trained on, and when it was live."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import duckdb

from ml_assets.errors import StorageError, TrackingError
from ml_assets.sql.windows import instant
from ml_assets.tables.spine import spine
from ml_assets.tables.training import training_sql
from ml_assets.warehouse.lake import connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from ml_assets.registry.record import TrainingRecord
    from ml_assets.registry.versions import Version
    from ml_assets.sql.tables import FeatureTable
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.appended import PromotionRow
    from ml_assets.warehouse.settings import Settings


@dataclass(frozen=True)
class Live:
    """A stretch of time in which a version was champion, by the ledger of promotions."""

    since: datetime
    until: datetime | None
    """None while it is champion."""


@dataclass(frozen=True)
class Registered:
    """A registered version with its training record."""

    version: Version
    record: TrainingRecord
    tables: frozenset[str]
    """The feature tables and the label's table that it reads, as `layer.table`."""
    live: tuple[Live, ...]

    @property
    def number(self) -> int:
        """Its number."""
        return self.version.version


def registered(
    pipeline: Pipeline, settings: Settings, promotions: Sequence[PromotionRow]
) -> tuple[list[Registered], list[int]]:
    """Return all registered versions, oldest first, and those whose record cannot be read."""
    from ml_assets.registry.record import read_record
    from ml_assets.registry.versions import versions

    found, unread = [], []
    for version in versions(settings.tracking_uri, pipeline.name):
        try:
            record = read_record(settings.tracking_uri, version.run_id)
        except TrackingError:
            unread.append(version.version)
            continue
        tables = tables_read(pipeline, record.features)
        found.append(Registered(version, record, tables, live(version.version, promotions)))
    return found, unread


def live(number: int, promotions: Iterable[PromotionRow]) -> tuple[Live, ...]:
    """Return when a version was champion; `promotions` are the ledger's, oldest first."""
    rows = [row for row in promotions if row.promoted]
    return tuple(
        Live(row.promoted_at, None if after is None else after.promoted_at)
        for row, after in zip_longest(rows, rows[1:])
        if row.to_version == number
    )


def tables_read(pipeline: Pipeline, features: Iterable[str]) -> frozenset[str]:
    """Return the tables a model of these features reads; all of them where a feature is gone."""
    label, wanted = pipeline.declaration.label.table, set(features)
    own = {node.dotted: set(node.types) for node in pipeline.features}
    driving, table = spine(pipeline)
    shared = {*table.key, *(_times(table))}
    if wanted - set().union(*own.values()):
        return frozenset({*own, label})
    read = {name for name, columns in own.items() if (columns - shared) & wanted}
    return frozenset({*read, driving.dotted, label})


def training_rows(
    pipeline: Pipeline, settings: Settings, record: TrainingRecord, partitions: Sequence[str]
) -> int | None:
    """Return how many rows of `partitions` a version was trained on; None where that is gone.

    It is counted at the snapshot it was trained on, which stays for versions with an alias.
    """
    known = record.labels_known_by
    rows = training_sql(pipeline, known, [], partitions)
    opening = training_sql(pipeline, known, [], record.windows["test"])
    # As in training: what was not known when the first test row was predicted is left out.
    before = f"SELECT coalesce(min(_prediction_time), {instant(known)}) FROM ({opening})"
    try:
        with connect(pipeline.name, settings, snapshot=record.snapshot_id) as con:
            row = con.execute(
                f"SELECT count(*) FROM ({rows}) WHERE _label_known_at <= ({before})"
            ).fetchone()
    except (StorageError, duckdb.BinderException, duckdb.CatalogException):
        return None
    return 0 if row is None else int(row[0])


def _times(table: FeatureTable) -> list[str]:
    return [name for name in (table.time, table.prediction_time) if name]
