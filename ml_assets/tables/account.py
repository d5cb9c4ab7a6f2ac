"""The accounting and the counts of slices, from their driving rows and their judged output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.sql import rules
from ml_assets.sql.accounting import Accounting, account, all_kept
from ml_assets.sql.names import columns, quote
from ml_assets.sql.tables import CleanedTable, FeatureTable
from ml_assets.tables.visibility import driving, driving_table
from ml_assets.warehouse.slices import PARTITION, content_hashes, rows_hashed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Node, Pipeline

OWN = quote(PARTITION)


def account_slices(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    table: CleanedTable | FeatureTable,
    window: Window | None,
) -> dict[str | None, Accounting]:
    """Return where the driving rows went, by slice that has any, from the rows in `_judged`."""
    rows = _one_for_one(con, pipeline, node, table, window)
    if rows is not None:
        return {key: all_kept(node.dotted, table.rows, count) for key, count in rows.items()}
    reason = quote(rules.REASON)
    keys = columns((PARTITION, *table.key))
    ours = "".join(f" AND ({predicate}) IS NOT TRUE" for predicate in table.added.values())
    sql = account(
        table,
        f"({driving(pipeline, node, window)})",
        f"(SELECT {keys} FROM _judged WHERE {reason} IS NULL{ours})",
        f"(SELECT {keys}, {reason} AS reason FROM _judged WHERE {reason} IS NOT NULL)",
    )
    cursor = con.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {row.pop(PARTITION): Accounting.of(node.dotted, table.rows, row) for row in found}


def _one_for_one(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    table: CleanedTable | FeatureTable,
    window: Window | None,
) -> dict[str | None, int] | None:
    """Return the rows of each slice where each driving row has its one, kept; else None.

    The keys of a cleaned table differ, as its own accounting made sure: the sums of their hashes
    agree only where every one of them came out once.
    """
    source = driving_table(pipeline, node).declared
    if not isinstance(table, FeatureTable) or not isinstance(source, CleanedTable):
        return None
    if source.added or source.key != table.key:
        return None
    if con.execute(f"FROM _judged WHERE {quote(rules.REASON)} IS NOT NULL LIMIT 1").fetchone():
        return None
    went_in, came_out = (
        content_hashes(con, relation, table.key)
        for relation in (driving(pipeline, node, window), "FROM _judged")
    )
    if went_in != came_out:
        return None
    return {key: rows_hashed(found) for key, found in came_out.items()}


def count_rows(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    table: CleanedTable | FeatureTable,
    window: Window | None,
) -> dict[str | None, dict[str, int]]:
    """Return for how many rows of each slice each declared predicate holds."""
    relation = "_judged"
    if isinstance(table, CleanedTable):
        relation = f"({driving(pipeline, node, window)})"
    told = _count(con, relation, table.counts)
    added = _count(con, "_judged", table.added)
    return {key: told.get(key, {}) | added.get(key, {}) for key in {**told, **added}}


def _count(
    con: DuckDBPyConnection, relation: str, named: Mapping[str, str]
) -> dict[str | None, dict[str, int]]:
    if not named:
        return {}
    selected = ", ".join(f"count(*) FILTER ({predicate})" for predicate in named.values())
    rows = con.execute(f"SELECT {OWN}, {selected} FROM {relation} GROUP BY {OWN}").fetchall()
    return {key: dict(zip(named, counts, strict=True)) for key, *counts in rows}
