"""The time-travel check: hide what was not yet known, rebuild, and compare with what is stored."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ml_assets.sql import mask, rules, windows
from ml_assets.sql.difference import Difference, difference
from ml_assets.sql.names import columns, literal, qualified, quote
from ml_assets.sql.tables import CleanedTable, FeatureTable, RawTable
from ml_assets.tables.visibility import MEMORY, lookback, slice_variables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Node, Pipeline

CUTOFFS = 3
WORLD = "then"
"""Catalog in which the past is rebuilt; it lives as long as one comparison."""


@dataclass(frozen=True)
class Travelled:
    """What the check found: the cutoffs it looked from and every column that saw the future."""

    table: str
    cutoffs: list[datetime]
    rows: int
    """Rows compared, over all cutoffs."""
    seconds: float
    faults: list[str] = field(default_factory=list)
    leaking: tuple[str, ...] = ()
    """Columns that changed when the future was hidden."""

    @property
    def summary(self) -> str:
        """One line for a log."""
        found = f"{len(self.faults)} differences" if self.faults else "no row saw the future"
        return f"time travel to {len(self.cutoffs)} moments: {found} ({self.seconds:.1f} s)"


def travel(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    partitions: Sequence[str | None],
    cutoffs: int = CUTOFFS,
) -> Travelled:
    """Rebuild `node` as of sampled prediction times and compare all rows up to each.

    Everything with `known_at` after the cutoff is hidden from the raw layer onward, so that a leak
    in a cleaned SELECT or in a feature that reads another one shows too.
    """
    start = time.monotonic()
    sampled = sample_cutoffs(con, pipeline, node, partitions, cutoffs)
    faults: list[str] = []
    leaking: dict[str, None] = {}
    rows = 0
    for partition, cutoff in sampled:
        window = pipeline.partitions.window(partition) if partition is not None else None
        world = _World(con, pipeline, cutoff, window)
        found = world.differences(node)
        rows += world.rows(node)
        faults += [item.message(node.dotted, cutoff) for item in found]
        leaking |= dict.fromkeys(item.column for item in found if item.column)
    moments = [cutoff for _, cutoff in sampled]
    return Travelled(node.dotted, moments, rows, time.monotonic() - start, faults, tuple(leaking))


def sample_cutoffs(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    partitions: Sequence[str | None],
    number: int,
) -> list[tuple[str | None, datetime]]:
    """Return up to `number` (partition, prediction time), the same ones for the same data."""
    table = _feature(node)
    moment = quote(table.prediction_time or "")
    keys = ", ".join(literal(key) for key in partitions if key is not None)
    where = f"WHERE _partition IN ({keys})" if keys else ""
    return con.execute(f"""
        WITH moments AS (
            SELECT DISTINCT _partition, {moment} AS moment
            FROM {qualified(pipeline.name, *node.name)} {where}
        ), spread AS (
            SELECT *, row_number() OVER (PARTITION BY _partition ORDER BY hash(moment)) AS turn
            FROM moments
        )
        SELECT _partition, moment FROM spread ORDER BY turn, hash(moment) LIMIT {number:d}
    """).fetchall()


def _feature(node: Node) -> FeatureTable:
    if not isinstance(node.declared, FeatureTable):
        raise TypeError(f"{node.dotted} is no feature table")
    return node.declared


class _World:
    """The tables as they would have been at `cutoff`, rebuilt as far as one slice needs."""

    def __init__(
        self, con: DuckDBPyConnection, pipeline: Pipeline, cutoff: datetime, window: Window | None
    ) -> None:
        self.con, self.pipeline, self.cutoff, self.window = con, pipeline, cutoff, window

    def differences(self, node: Node) -> list[Difference]:
        """Return how the stored slice of `node` differs from the one rebuilt in this world."""
        self.con.execute(f"ATTACH ':memory:' AS {quote(WORLD)}; USE {quote(WORLD)}")
        try:
            for other in self.pipeline.ancestors(node):
                self._build(other, self._reach(node))
            self._build(node, timedelta(0))
            return self._compare(node)
        finally:
            self.con.execute(f"USE {quote(MEMORY)}; DETACH {quote(WORLD)}")

    def rows(self, node: Node) -> int:
        """Return how many rows of the stored slice of `node` this world can be held against."""
        moment = quote(_feature(node).prediction_time or "")
        stored = self._stored(node.name, node, timedelta(0))
        row = self.con.execute(
            f"SELECT count(*) FROM {stored} WHERE {moment} <= {windows.instant(self.cutoff)}"
        ).fetchone()
        return int(row[0]) if row else 0

    def _reach(self, node: Node) -> timedelta:
        """Return how far before the slice the chain of lookbacks below `node` reaches."""
        chain = [node, *(other for other in self.pipeline.ancestors(node) if other.layer != "raw")]
        return sum((lookback(other) for other in chain), timedelta(0))

    def _build(self, node: Node, reach: timedelta) -> None:
        self.con.execute(f"CREATE SCHEMA IF NOT EXISTS {qualified(node.layer)}")
        self.con.execute(f"CREATE SCHEMA IF NOT EXISTS {qualified('whole')}")
        if isinstance(node.declared, RawTable):
            target, select = qualified("whole", node.table), self._raw(node, reach)
        else:
            self._show_raw(node)
            self.con.execute(slice_variables(self.pipeline, self._reached(reach)))
            target, select = qualified(*node.name), self._select(node)
        self.con.execute(f"CREATE TABLE {target} AS {select}")

    def _reached(self, reach: timedelta) -> Window | None:
        if self.window is None:
            return None
        return type(self.window)(self.window.key, self.window.start - reach, self.window.end)

    def _stored(self, name: tuple[str, ...], node: Node, reach: timedelta) -> str:
        """Return the stored rows of a table of `node` that this world reaches back to."""
        where = ""
        if node.partitioned and self.window is not None:
            keys = self.pipeline.partitions.overlapping(self.window.start - reach, self.window.end)
            where = f" WHERE _partition IN ({', '.join(literal(key) for key in keys)})"
        return f"(SELECT * FROM {qualified(self.pipeline.name, *name)}{where})"

    def _raw(self, node: Node, reach: timedelta) -> str:
        names = list(node.types)
        witnesses = [
            mask.Witness(other.table, other.declared, f"({self._knowledge(other, reach)})")
            for other in self.pipeline.nodes.values()
            if isinstance(other.declared, CleanedTable)
            and other.declared.rows == node.dotted
            and other.declared.known_at
        ]
        stored = self._stored(node.name, node, reach)
        if not witnesses:
            return f"SELECT {columns(names)} FROM {stored}"
        stamped = mask.stamped(node.table, stored, names, witnesses)
        return mask.masked(f"({stamped})", names, witnesses, self.cutoff)

    def _knowledge(self, node: Node, reach: timedelta) -> str:
        if not isinstance(node.declared, CleanedTable):
            raise TypeError(f"{node.dotted} has no known_at")
        rejected = (node.layer, f"{node.table}_rejected")
        return mask.knowledge(
            node.declared,
            self._stored(node.name, node, reach),
            self._stored(rejected, node, reach),
        )

    def _show_raw(self, node: Node) -> None:
        """Show the hidden raw tables under their names, the driving one as `node` may see it."""
        for layer, table in node.upstream:
            if layer != "raw":
                continue
            drives = (
                isinstance(node.declared, CleanedTable) and node.declared.rows == f"raw.{table}"
            )
            shown = windows.seen(
                qualified("whole", table),
                list(self.pipeline.nodes[layer, table].types),
                time=None,
                exclude=node.declared.exclude.values() if drives else (),  # type: ignore[union-attr]
            )
            self.con.execute(windows.view(layer, table, shown))

    def _select(self, node: Node) -> str:
        if node.select is None:
            raise TypeError(f"{node.dotted} has no SELECT")
        own = windows.own(f"{node.select.subquery} AS _select", node.declared.time)
        judged = rules.judged(f"({own})", rules.row_rules(node.declared))
        return rules.kept(f"({judged})", node.declared.columns)

    def _compare(self, node: Node) -> list[Difference]:
        table = _feature(node)
        sql = difference(
            self._stored(node.name, node, timedelta(0)),
            qualified(WORLD, *node.name),
            table.key,
            node.types,
            table.prediction_time or "",
            self.cutoff,
        )
        return [Difference(*row) for row in self.con.execute(sql).fetchall()]
