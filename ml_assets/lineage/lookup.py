"""Rows by the values of columns or expressions, and what became of a row that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml_assets.sql.names import qualified, quote
from ml_assets.sql.rules import json_path
from ml_assets.sql.tables import CleanedTable, FeatureTable
from ml_assets.warehouse.slices import stored_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Node, Pipeline


def matching(values: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Return the predicate that columns have `values`, and what to bind to it."""
    return expressions({quote(name): value for name, value in values.items()})


def expressions(values: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Return the predicate that SQL expressions have `values`, and what to bind to it."""
    tests = [f"({expression}) IS NOT DISTINCT FROM ?" for expression in values]
    return " AND ".join(tests) or "true", list(values.values())


def records(con: DuckDBPyConnection, sql: str, bound: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the rows of a query as dictionaries."""
    result = con.execute(sql, list(bound))
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def rejection(
    con: DuckDBPyConnection, pipeline: Pipeline, node: Node, values: Mapping[str, Any]
) -> str:
    """Say which table, from `node` up to its raw one, rejected a row with these values and why."""
    table = node.declared
    if not isinstance(table, CleanedTable | FeatureTable):
        return ""
    name = f"{node.table}_rejected"
    own = {key: value for key, value in values.items() if key in node.types}
    if stored_columns(con, pipeline.name, node.layer, name) is not None and own:
        # A rejected row keeps its values as texts.
        tests = " AND ".join(
            f'("row" ->> {json_path(key)}) IS NOT DISTINCT FROM'
            f" CAST(CAST(? AS {node.types[key]}) AS VARCHAR)"
            for key in own
        )
        row = con.execute(
            f'SELECT "reason" FROM {qualified(pipeline.name, node.layer, name)} WHERE {tests}',
            list(own.values()),
        ).fetchone()
        if row is not None:
            return f"It was rejected from {node.dotted}: {row[0]}."
    return rejection(con, pipeline, pipeline.node(table.rows), values)
