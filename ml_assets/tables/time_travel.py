"""The time-travel check: hide what was not yet known, rebuild, and compare with what is stored."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ml_assets.sql import windows
from ml_assets.sql.difference import Difference, difference
from ml_assets.sql.names import literal, qualified, quote
from ml_assets.sql.tables import FeatureTable
from ml_assets.tables.plan import Stored
from ml_assets.tables.world import World, forget_worlds
from ml_assets.warehouse import ledger
from ml_assets.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Node, Pipeline

CUTOFFS, FEWEST = 3, 2
LARGE = 500_000
"""Rows that CUTOFFS slices hold together, beyond which FEWEST moments do, so that the check stays
at seconds while the data grows. A leak that every slice has shows as surely in so many rows."""


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
        found = counted(len(self.faults), "difference") if self.faults else "no row saw the future"
        return (
            f"time travel to {counted(len(self.cutoffs), 'moment')}: {found} ({self.seconds:.1f} s)"
        )


def cutoffs_for(stored: Stored, node: Node, partitions: Sequence[str | None]) -> int:
    """Return how many moments a check of these slices travels to, by their mean size."""
    rows = [item.rows_kept for item in stored.of(node) if item.partition in partitions]
    return FEWEST if sum(rows) * CUTOFFS > LARGE * len(rows) else CUTOFFS


def travel(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    partitions: Sequence[str | None],
    cutoffs: int = CUTOFFS,
) -> Travelled:
    """Rebuild `node` as of sampled prediction times and compare all rows up to each.

    Everything with `known_at` after the cutoff is hidden from the raw layer onward, so that a leak
    in a cleaned SELECT or in a feature that reads another one shows too. The rebuilt slice sees no
    more of the past than the declared lookback, so one that is too short shows as well.

    Up to CUTOFFS worlds stay with the connection, for the next table; see `forget_worlds`.
    """
    start = time.monotonic()
    worlds = _worlds(con, pipeline, node, partitions, cutoffs)
    kept = {world.name for world in worlds[:CUTOFFS]}
    forget_worlds(con, kept)
    # The slice of a world seldom fills more than one processor.
    with ThreadPoolExecutor(_threads(con)) as pool:
        looks = list(pool.map(lambda world: _look(world, node, keep=world.name in kept), worlds))
    faults: list[str] = []
    leaking: dict[str, None] = {}
    for world, look in zip(worlds, looks, strict=True):
        faults += [item.message(node.dotted, world.cutoff) for item in look.differences]
        leaking |= dict.fromkeys(item.column for item in look.differences if item.column)
    return Travelled(
        table=node.dotted,
        cutoffs=[world.cutoff for world in worlds],
        rows=sum(look.rows for look in looks),
        seconds=time.monotonic() - start,
        faults=faults,
        leaking=tuple(leaking),
    )


def _worlds(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    partitions: Sequence[str | None],
    number: int,
) -> list[World]:
    stored = Stored(ledger.current(con, pipeline.name))
    return [
        World(con, pipeline, stored, cutoff, pipeline.partitions.window(key) if key else None)
        for key, cutoff in sample_cutoffs(con, pipeline, node, partitions, number)
    ]


def _threads(con: DuckDBPyConnection) -> int:
    row = con.execute("SELECT current_setting('threads')").fetchone()
    return int(row[0]) if row else 1


@dataclass(frozen=True)
class _Look:
    differences: list[Difference]
    rows: int


def _look(world: World, node: Node, *, keep: bool) -> _Look:
    """Compare in `world` through a connection of its own, on which its variables are set."""
    with world.con.cursor() as con:
        there = replace(world, con=con)
        look = _Look(_differences(there, node), _rows(there, node))
        if not keep:
            con.execute(f"DETACH {quote(world.name)}")
        return look


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


def _differences(world: World, node: Node) -> list[Difference]:
    """Return how the stored slice of `node` differs from the one rebuilt in `world`."""
    table = _feature(node)
    sql = difference(
        world.stored_rows(node.name, node, timedelta(0)),
        world.rebuilt(node),
        table.key,
        node.types,
        table.prediction_time or "",
        world.cutoff,
    )
    return [Difference(*row) for row in world.con.execute(sql).fetchall()]


def _rows(world: World, node: Node) -> int:
    """Return how many rows of the stored slice of `node` `world` can be held against."""
    moment = quote(_feature(node).prediction_time or "")
    stored = world.stored_rows(node.name, node, timedelta(0))
    row = world.con.execute(
        f"SELECT count(*) FROM {stored} WHERE {moment} <= {windows.instant(world.cutoff)}"
    ).fetchone()
    return int(row[0]) if row else 0
