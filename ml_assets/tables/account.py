"""The accounting and the counts of one slice, from its driving rows and its judged output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.sql import rules
from ml_assets.sql.accounting import Accounting, account
from ml_assets.sql.names import columns, quote
from ml_assets.sql.tables import CleanedTable, FeatureTable
from ml_assets.tables.visibility import driving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Node, Pipeline


def account_slice(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    table: CleanedTable | FeatureTable,
    window: Window | None,
) -> Accounting:
    """Return where the driving rows of the slice went, from the rows in `_judged`."""
    reason = quote(rules.REASON)
    keys = columns(table.key)
    ours = "".join(f" AND ({predicate}) IS NOT TRUE" for predicate in table.added.values())
    sql = account(
        table,
        f"({driving(pipeline, node, window)})",
        f"(SELECT {keys} FROM _judged WHERE {reason} IS NULL{ours})",
        f"(SELECT {keys}, {reason} AS reason FROM _judged WHERE {reason} IS NOT NULL)",
    )
    cursor = con.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    row = cursor.fetchone()
    if row is None:
        raise RuntimeError("the accounting answered no row")
    return Accounting.of(node.dotted, table.rows, dict(zip(names, row, strict=True)))


def count_rows(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    table: CleanedTable | FeatureTable,
    window: Window | None,
) -> dict[str, int]:
    """Return for how many rows of the slice each declared predicate holds."""
    told = dict(table.counts)
    relation = "_judged"
    if isinstance(table, CleanedTable):
        relation = f"({driving(pipeline, node, window)})"
    found = _count(con, relation, told)
    return found | (_count(con, "_judged", table.added) if table.added else {})


def _count(con: DuckDBPyConnection, relation: str, named: Mapping[str, str]) -> dict[str, int]:
    if not named:
        return {}
    selected = ", ".join(f"count(*) FILTER ({predicate})" for predicate in named.values())
    row = con.execute(f"SELECT {selected} FROM {relation}").fetchone() or ()
    return dict(zip(named, map(int, row), strict=True))
