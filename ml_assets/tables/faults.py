"""Table rules: too many rejected rows, a volume far off."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from ml_assets.sql import rules
from ml_assets.sql.names import literal, quote
from ml_assets.warehouse.slices import PARTITION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.sql.accounting import Accounting
    from ml_assets.tables.pipeline import Node


def row_faults(
    con: DuckDBPyConnection,
    node: Node,
    partition: str | None,
    accounting: Accounting,
    contract: Sequence[rules.Rule],
) -> list[str]:
    """Return the reasons and values where more rows of `_judged` are rejected than allowed."""
    limit = node.declared.limits.rejected
    if accounting.rejected <= limit * accounting.rows:
        return []
    rejected = rules.rejected("_judged", node.declared.columns, PARTITION)
    key = "NULL" if partition is None else literal(partition)
    relation = f"({rejected} AND {quote(PARTITION)} IS NOT DISTINCT FROM {key})"
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


def volume_faults(
    node: Node, partition: str | None, rows: int, others: Mapping[str | None, int]
) -> list[str]:
    """Return what is odd about a slice of `rows` driving rows beside those of `others`, by key."""
    if rows == 0:
        return [f"{node.dotted} {partition or ''}: no rows at all."]
    if partition is None:
        return []
    besides = [count for key, count in others.items() if key not in {partition, None}]
    if not besides:
        return []
    usual = median(besides)
    low, high = node.declared.limits.volume
    if low * usual <= rows <= high * usual:
        return []
    return [
        f"{node.dotted} {partition}: {rows:,} rows, while its other slices have {usual:,.0f}"
        f" (median); allowed are {low:g} to {high:g} times as many."
    ]
