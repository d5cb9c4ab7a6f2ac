"""What a backtest looks back on: the lake's entities at one snapshot, with what became of them."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.backtest.outcomes import THERE_AT, outcomes_of
from ml_assets.errors import DataError, DeclarationError
from ml_assets.ml.classes import classes_of
from ml_assets.ml.training_table import CLUSTER, LABEL, LABEL_KNOWN_AT, PARTITION, PREDICTION_TIME
from ml_assets.sql.names import columns, literal, quote
from ml_assets.sql.windows import instant
from ml_assets.tables.entities import entities_sql
from ml_assets.tables.freshness import require_one_version, training_tables
from ml_assets.tables.label_delay import settled_until
from ml_assets.tables.labels import labels_sql
from ml_assets.tables.plan import WHOLE, Stored
from ml_assets.tables.spine import feature_names, spine
from ml_assets.tables.visibility import buildable_at
from ml_assets.warehouse import ledger
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.snapshots import current_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import numpy as np
    from duckdb import DuckDBPyConnection

    from ml_assets.backtest.outcomes import Outcomes
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings


@dataclass(frozen=True)
class Past:
    """The built partitions of a pipeline at one snapshot of its lake; nothing is written there."""

    pipeline: Pipeline
    settings: Settings
    snapshot: int
    content: Mapping[str, str]
    """Partition to a hash of everything in the lake that its rows come from, in time order."""
    _settled: dict[datetime, np.datetime64 | None] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        """The built partitions in time order."""
        return list(self.content)

    @cached_property
    def features(self) -> list[str]:
        """The model's feature columns."""
        return feature_names(self.pipeline)

    @cached_property
    def outcomes(self) -> Mapping[str, Outcomes]:
        """The outcomes of every partition."""
        return {key: outcomes_of(_inside(self._facts, [key]), self.classes) for key in self.keys}

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Every class that a label ever was, sorted; none where labels are numbers."""
        return classes_of(self._facts.filter(pc.is_valid(self._facts[LABEL])))

    @contextmanager
    def lake(self) -> Iterator[DuckDBPyConnection]:
        """Connect to the snapshot, to read."""
        with connect(self.pipeline.name, self.settings, snapshot=self.snapshot) as con:
            yield con

    def settled(
        self, moment: datetime, con: DuckDBPyConnection | None = None
    ) -> np.datetime64 | None:
        """Return the last day of whose labels none is awaited at `moment`, None of none."""
        if moment not in self._settled:
            with nullcontext(con) if con else self.lake() as own:
                self._settled[moment] = settled_until(own, self.pipeline, moment)
        return self._settled[moment]

    def over(self, moment: datetime) -> list[str]:
        """Return the partitions that are over at `moment`."""
        window = self.pipeline.partitions.window
        return [key for key in self.keys if window(key).end <= moment]

    def rows(self, key: str) -> pa.Table:
        """Return all entities of a partition with features and labels, sorted by key."""
        return _inside(self._everything, [key])

    def training_rows(self, keys: Sequence[str], as_of: datetime) -> pa.Table:
        """Return the rows of some partitions whose label was there at `as_of`, sorted by key."""
        return _known(_inside(self._everything, keys), as_of)

    def known_facts(self, keys: Sequence[str], as_of: datetime) -> pa.Table:
        """Return keys, times, labels and slices of the same rows, partition by partition."""
        parts = [_known(_inside(self._facts, [key]), as_of) for key in keys]
        return pa.concat_tables(parts) if parts else self._facts.slice(0, 0)

    @cached_property
    def _everything(self) -> pa.Table:
        return self._read(self.features)

    @cached_property
    def _facts(self) -> pa.Table:
        slices = self.pipeline.declaration.evaluation.slices
        return self._read([name for name in slices if name in self.features])

    def _read(self, names: list[str]) -> pa.Table:
        with self.lake() as con:
            return con.execute(_sql(self.pipeline, names)).to_arrow_table()


def look_back(pipeline: Pipeline, settings: Settings) -> Past:
    """Return the past as the lake holds it now; MLAssetsError where its tables are not built."""
    node, table = spine(pipeline)
    if not node.partitioned or table.time is None:
        raise DeclarationError(
            f"{pipeline.name} has no partitions in time to live through again.",
            f"Declare the time of {node.dotted}.",
        )
    with connect(pipeline.name, settings, read_only=True) as con:
        con.begin()
        snapshot, content = current_snapshot(con, pipeline.name), _content(con, pipeline)
        con.rollback()
    return Past(pipeline, settings, snapshot, content)


def _content(con: DuckDBPyConnection, pipeline: Pipeline) -> dict[str, str]:
    stored = Stored(ledger.current(con, pipeline.name))
    require_one_version(pipeline, stored)
    tables = {node.dotted: stored.of(node) for node in training_tables(pipeline)}
    built = [item.partition for item in tables[spine(pipeline)[0].dotted]]
    keys = sorted(key for key in built if key is not None)
    if not keys:
        raise DataError(
            f"{pipeline.name} has no built partition.", f"Run `ml-assets run {pipeline.name}`."
        )
    return {
        key: digest(
            {
                name: {
                    item.partition or WHOLE: item.data_version
                    for item in slices
                    if item.partition in {key, None}
                }
                for name, slices in tables.items()
            }
        )
        for key in keys
    }


def digest(meaning: object) -> str:
    """Return a short hash of plain data."""
    text = json.dumps(meaning, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _sql(pipeline: Pipeline, names: list[str]) -> str:
    _, table = spine(pipeline)
    key, zone = list(table.key), literal(pipeline.declaration.time_zone)
    local = f"timezone({zone}, entities.{quote(table.time or '')})"
    return f"""
        SELECT entities.*, CAST({local} AS DATE) AS {CLUSTER},
            entities.{quote(table.prediction_time or "")} AS {PREDICTION_TIME},
            labels._label AS {LABEL}, labels._label_known_at AS {LABEL_KNOWN_AT},
            {_there_at(pipeline)} AS {THERE_AT}
        FROM ({entities_sql(pipeline, names, None)}) AS entities
        LEFT JOIN ({labels_sql(pipeline, key)}) AS labels USING ({columns(key)})
        ORDER BY {columns(key)}
    """


def _there_at(pipeline: Pipeline) -> str:
    """Return SQL for when a label was in a slice; one that is known may have to wait for it."""
    known, node = "labels._label_known_at", pipeline.node(pipeline.declaration.label.table)
    keys = pipeline.partitions.keys()
    if not node.partitioned or not keys:
        return known
    built = {key: buildable_at(pipeline, node, key) for key in keys}
    slices = ", ".join(f"{literal(key)}: {instant(at)}" for key, at in built.items())
    return f"greatest({known}, (MAP {{{slices}}})[labels._label_partition])"


def _inside(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    return table.filter(pc.is_in(table[PARTITION], value_set=pa.array(keys, pa.string())))


def _known(table: pa.Table, as_of: datetime) -> pa.Table:
    known = pc.less_equal(table[THERE_AT], pa.scalar(as_of, pa.timestamp("us", "UTC")))
    return table.filter(pc.and_kleene(pc.is_valid(table[LABEL]), known))
