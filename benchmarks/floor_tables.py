"""The tables of the floor: files read as they are, the pipeline's SELECTs over tables in memory."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.floor_sources import delivered
from ml_assets.sql import windows
from ml_assets.sql.names import casts, literal, qualified, quote
from ml_assets.sql.tables import CleanedTable, RawTable
from ml_assets.tables.visibility import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Node, Pipeline

IMPOSSIBLE = {"cleaned.weather": "wind_speed > 200"}
"""The rows that the contracts reject, so that both train on the same rows."""


@dataclass(frozen=True)
class FloorTables:
    """Tables of `pipeline` in the catalog of its name, each with `_partition`."""

    con: DuckDBPyConnection
    pipeline: Pipeline

    def build(self, node: Node, keys: Sequence[str]) -> None:
        """Make a table whole, over the partitions `keys` of what the sources deliver."""
        self.con.execute(f"CREATE SCHEMA IF NOT EXISTS {qualified(node.layer)}")
        if isinstance(node.declared, RawTable):
            with self._loaded(node, self.pipeline.partitions.window(*keys)) as rows:
                self._store(node, f"{rows} WHERE {_among(keys)}" if node.partitioned else rows)
            return
        with self._driving(node):
            self._store(node, self._selected(node, self._select(node)))

    def add(self, node: Node, key: str) -> None:
        """Add one partition, from its upstream rows and those of the lookback."""
        window = self.pipeline.partitions.window(key)
        target = qualified(self.pipeline.name, *node.name)
        if not node.partitioned:
            return
        if isinstance(node.declared, RawTable):
            with self._loaded(node, window) as rows:
                self.con.execute(f"INSERT INTO {target} {rows} WHERE {_among([key])}")
            return
        with visible(self.con, self.pipeline, node, window):
            own = windows.own(self._select(node), node.declared.time)
            self.con.execute(f"INSERT INTO {target} {self._selected(node, f'({own})')}")

    def _store(self, node: Node, rows: str) -> None:
        self.con.execute(f"CREATE TABLE {qualified(self.pipeline.name, *node.name)} AS {rows}")

    @contextmanager
    def _loaded(self, node: Node, window: Window) -> Iterator[str]:
        """Yield the SELECT of what the source delivers, at least the rows of the window."""
        spans = [(window.start, window.end)] if node.partitioned else None
        local = f"timezone({windows.ZONE}, {windows.as_instant(node.declared.time or 'NULL')})"
        key = self.pipeline.partitions.key_sql(local) if node.partitioned else "NULL::VARCHAR"
        with delivered(self.con, node, spans) as relation:
            yield f"FROM (SELECT *, {key} AS _partition FROM {relation})"

    def _select(self, node: Node) -> str:
        if node.select is None:
            raise TypeError(f"{node.dotted} has no SELECT")
        wrong = IMPOSSIBLE.get(node.dotted, "false")
        return f"(SELECT * FROM {node.select.subquery} WHERE ({wrong}) IS NOT TRUE) AS _select"

    def _selected(self, node: Node, relation: str) -> str:
        partition = "NULL::VARCHAR"
        if node.partitioned:
            local = f"timezone({windows.ZONE}, {quote(node.declared.time or '')})"
            partition = self.pipeline.partitions.key_sql(local)
        return f"SELECT {casts(node.types)}, {partition} AS _partition FROM {relation}"

    @contextmanager
    def _driving(self, node: Node) -> Iterator[None]:
        """Hide the rows of the driving table that a declared rule excludes."""
        table = node.declared
        if not isinstance(table, CleanedTable) or not table.exclude:
            yield
            return
        name = self.pipeline.node(table.rows).name
        hidden = qualified(name[0], f"_{name[1]}")
        rules = " AND ".join(f"({rule}) IS NOT TRUE" for rule in table.exclude.values())
        self.con.execute(f"ALTER TABLE {qualified(*name)} RENAME TO {quote('_' + name[1])}")
        self.con.execute(f"CREATE VIEW {qualified(*name)} AS FROM {hidden} WHERE {rules}")
        yield
        self.con.execute(f"DROP VIEW {qualified(*name)}")
        self.con.execute(f"ALTER TABLE {hidden} RENAME TO {quote(name[1])}")


def _among(keys: Sequence[str]) -> str:
    return f"_partition IN ({', '.join(literal(key) for key in keys)})"
