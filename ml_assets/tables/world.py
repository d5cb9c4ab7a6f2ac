"""A world: the tables as they would have been at one moment, rebuilt from what was known then."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import duckdb

from ml_assets.sql import mask, rules, windows
from ml_assets.sql.names import columns, literal, qualified, quote
from ml_assets.sql.tables import CleanedTable, RawTable
from ml_assets.tables.visibility import MEMORY, lookback, seen, slice_variables

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Node, Pipeline, TableName
    from ml_assets.tables.plan import Stored

PREFIX = "then_"
"""Worlds are in-memory catalogs of the connection with names of their own."""
BEFORE = " and before"
WHOLE = "whole"
"""The schema with a world's tables; in the layers are views of what a SELECT may see."""


@dataclass(frozen=True)
class World:
    """What was known at `cutoff`, as far as the rows of one partition need it.

    Tables are built when first asked for, and stay for the next table that looks from there.
    """

    con: DuckDBPyConnection
    pipeline: Pipeline
    stored: Stored
    cutoff: datetime
    window: Window | None

    @cached_property
    def name(self) -> str:
        """The catalog's name: the same for the same moment over the same data and code."""
        versions = [
            [item.table, item.partition, item.data_version]
            for node in self.pipeline.ordered
            if node.layer != "features"
            for item in self.stored.of(node)
        ]
        codes = [[node.dotted, node.code_version] for node in self.pipeline.ordered]
        keys = self.window.keys if self.window else ()
        meaning = json.dumps([self.cutoff.isoformat(), keys, codes, versions], default=str)
        return PREFIX + hashlib.sha256(meaning.encode()).hexdigest()[:16]

    def rebuilt(self, node: Node) -> str:
        """Return the name of the rebuilt slice of `node`, which `con` has from now on."""
        if not attached(self.con, self.name):
            self.con.execute(f"ATTACH ':memory:' AS {quote(self.name)}")
            self.con.execute(f"CREATE SCHEMA {qualified(self.name, WHOLE)}")
        self.con.execute(f"USE {quote(self.name)}")
        try:
            for other in self.pipeline.ancestors(node):
                self._build(other, self._reach)
            self._build(node, timedelta(0))
        finally:
            self.con.execute(f"USE {quote(MEMORY)}")
        return self._table(node, timedelta(0))

    @cached_property
    def _reach(self) -> timedelta:
        """How far before the partition the longest chain of lookbacks reaches."""
        found: dict[TableName, timedelta] = {}
        for node in self.pipeline.ordered:
            before = (found[name] for name in node.upstream)
            found[node.name] = lookback(node) + max(before, default=timedelta(0))
        return max(found.values())

    def _table(self, node: Node, reach: timedelta) -> str:
        """Return the name of a rebuilt table; one that others read reaches further back."""
        return qualified(self.name, WHOLE, node.dotted + (BEFORE if reach else ""))

    def _has(self, node: Node, reach: timedelta) -> bool:
        # Asking duckdb_tables() takes 40 ms, as it lists the tables of the lake too.
        try:
            self.con.execute(f"SELECT 1 FROM {self._table(node, reach)} LIMIT 0")
        except duckdb.CatalogException:
            return False
        return True

    def _build(self, node: Node, reach: timedelta) -> None:
        if self._has(node, reach):
            return
        if isinstance(node.declared, RawTable):
            select = self._raw(node, reach)
        else:
            self._show(node, reach)
            select = self._select(node)
        self.con.execute(f"CREATE TABLE {self._table(node, reach)} AS {select}")

    def _reached(self, reach: timedelta) -> Window | None:
        return replace(self.window, start=self.window.start - reach) if self.window else None

    def stored_rows(self, name: tuple[str, ...], node: Node, reach: timedelta) -> str:
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
        stored = self.stored_rows(node.name, node, reach)
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
            self.stored_rows(node.name, node, reach),
            self.stored_rows(rejected, node, reach),
        )

    def _show(self, node: Node, reach: timedelta) -> None:
        """Show the tables that `node` reads as a build of its slice would see them."""
        self.con.execute(slice_variables(self.pipeline, self._reached(reach)))
        for layer, table in node.upstream:
            upstream = self.pipeline.nodes[layer, table]
            shown = seen(node, upstream, self.window, self._table(upstream, self._reach))
            self.con.execute(f"CREATE SCHEMA IF NOT EXISTS {qualified(layer)}")
            self.con.execute(windows.view(layer, table, shown))

    def _select(self, node: Node) -> str:
        if node.select is None:
            raise TypeError(f"{node.dotted} has no SELECT")
        own = windows.own(f"{node.select.subquery} AS _select", node.declared.time)
        judged = rules.judged(f"({own})", rules.row_rules(node.declared))
        return rules.kept(f"({judged})", node.declared.columns)


def attached(con: DuckDBPyConnection, name: str) -> bool:
    """Say whether the connection has a catalog of that name."""
    found = con.execute("SELECT 1 FROM duckdb_databases() WHERE database_name = ?", [name])
    return found.fetchone() is not None


def forget_worlds(con: DuckDBPyConnection, keep: Iterable[str] = ()) -> None:
    """Free the memory of every world of the connection that is not to be kept."""
    kept = set(keep)
    for (name,) in con.execute(
        "SELECT database_name FROM duckdb_databases() WHERE starts_with(database_name, ?)", [PREFIX]
    ).fetchall():
        if name not in kept:
            con.execute(f"DETACH {quote(name)}")
