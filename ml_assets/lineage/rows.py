"""The rows behind an entity: its features, the cleaned rows they stand for, and the raw ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ml_assets.lineage.lookup import expressions, matching, records
from ml_assets.sql.names import columns, qualified, quote
from ml_assets.sql.tables import CleanedTable, FeatureTable, RawTable
from ml_assets.tables.load import LOAD_COLUMNS
from ml_assets.tables.visibility import slice_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Node, Pipeline
    from ml_assets.tables.plan import Stored
    from ml_assets.warehouse.ledger import Slice


@dataclass(frozen=True)
class StoredRows:
    """The rows of one table that belong to an entity, and the slice they lie in."""

    table: str
    partition: str | None
    rows: tuple[Mapping[str, Any], ...]
    """Column to value; several where the key was delivered more than once, none where it was not.

    Raw rows carry `_load_id`, the Dagster run that loaded them, and `_loaded_at`.
    """
    built: Slice | None
    """How the slice was built; its `inputs` are the tables and partitions that were visible."""
    driving: str | None
    """The table with the row that each of these stands for; None for a raw table."""
    changed: bool = False
    """Whether the slice holds something else today."""


@dataclass(frozen=True)
class Reader:
    """The lake at one snapshot, with its ledger."""

    con: DuckDBPyConnection
    pipeline: Pipeline
    stored: Stored

    def chain(
        self, node: Node, key: Mapping[str, Any], partition: str | None
    ) -> Iterator[StoredRows]:
        """Yield the rows of `node` with this key, then those they stand for, up to the raw ones."""
        table = node.declared
        if isinstance(table, RawTable):
            return
        where, bound = matching(key)
        yield self._stored(node, list(node.types), where, bound, partition)
        driving = self.pipeline.node(table.rows)
        if isinstance(table, FeatureTable):
            yield from self.chain(driving, _renamed(table, key), partition)
            return
        yield self.raw(table, key, partition)

    def raw(self, table: CleanedTable, key: Mapping[str, Any], partition: str | None) -> StoredRows:
        """Return the driving raw rows of a cleaned key, as the accounting finds them."""
        node = self.pipeline.node(table.rows)
        self.con.execute(slice_variables(self.pipeline, None))
        where, bound = expressions(_by_expression(table, key))
        return self._stored(node, [*node.types, *LOAD_COLUMNS], where, bound, partition)

    def _stored(
        self,
        node: Node,
        names: list[str],
        where: str,
        bound: list[Any],
        partition: str | None,
    ) -> StoredRows:
        own = partition if node.partitioned else None
        relation = f"{qualified(self.pipeline.name, *node.name)} AS {quote(node.table)}"
        rows = records(
            self.con,
            f"SELECT {columns(names)} FROM {relation}"
            f" WHERE _partition IS NOT DISTINCT FROM ? AND {where} ORDER BY ALL",
            [own, *bound],
        )
        driving = None if isinstance(node.declared, RawTable) else node.declared.rows
        built = self.stored.get(node, own)
        return StoredRows(node.dotted, own, tuple(rows), built, driving)


def with_changes(found: StoredRows, node: Node, today: Stored) -> StoredRows:
    """Return `found` with whether its slice holds something else today."""
    now = today.get(node, found.partition)
    then = None if found.built is None else found.built.data_version
    return replace(found, changed=then != (None if now is None else now.data_version))


def _renamed(table: FeatureTable, key: Mapping[str, Any]) -> dict[str, Any]:
    """Return the key of the driving row, which has it under the same names."""
    return {name: key[name] for name in table.key}


def _by_expression(table: CleanedTable, key: Mapping[str, Any]) -> dict[str, Any]:
    pairs = zip(table.rows_key, table.key, strict=True)
    return {expression: key[name] for expression, name in pairs if name in key}
