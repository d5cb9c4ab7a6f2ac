"""Table rules: too many rejected rows, a volume far off."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from ml_assets.sql import rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.sql.accounting import Accounting
    from ml_assets.sql.tables import Table
    from ml_assets.tables.pipeline import Node
    from ml_assets.tables.plan import Stored


def row_faults(
    con: DuckDBPyConnection,
    node: Node,
    table: Table,
    accounting: Accounting,
    contract: Sequence[rules.Rule],
) -> list[str]:
    """Return the reasons and values where more rows of `_judged` are rejected than allowed."""
    limit = table.limits.rejected
    if accounting.rejected <= limit * accounting.rows:
        return []
    relation = f"({rules.rejected('_judged', table.columns)})"
    found = con.execute(rules.broken_rules(relation, contract)).fetchall()
    return too_many(node.dotted, accounting.rejected, accounting.rows, limit, found)


def too_many(
    table: str, rejected: int, rows: int, limit: float, reasons: list[tuple[str, int, list[str]]]
) -> list[str]:
    """Return one text per reason; `reasons` holds (reason, rows, example values)."""
    share = rejected / rows if rows else 1.0
    head = f"{table}: {rejected:,} of {rows:,} rows rejected ({share:.1%}, allowed are {limit:.1%})"
    return [
        f"{head}: {reason} in {count:,} rows, such as {', '.join(map(str, examples))}."
        for reason, count, examples in reasons
    ]


def volume_faults(node: Node, partition: str | None, rows: int, stored: Stored) -> list[str]:
    """Return what is odd about a slice of `rows` driving rows beside the table's other slices."""
    if rows == 0:
        return [f"{node.dotted} {partition or ''}: no rows at all."]
    if partition is None:
        return []
    others = [item.rows_in for item in stored.of(node) if item.partition not in {partition, None}]
    if not others:
        return []
    usual = median(others)
    low, high = node.declared.limits.volume
    if low * usual <= rows <= high * usual:
        return []
    return [
        f"{node.dotted} {partition}: {rows:,} rows, while its other slices have {usual:,.0f}"
        f" (median); allowed are {low:g} to {high:g} times as many."
    ]
