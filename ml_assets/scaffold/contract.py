"""A column's contract from its values: as wide as the next day's data may need."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from ml_assets.scaffold.rounding import round_down, round_up
from ml_assets.sql.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from ml_assets.scaffold.columns import Column
    from ml_assets.scaffold.moment import Moment
    from ml_assets.scaffold.table import Table

Rules = dict[str, object]
"""What a column's contract holds beside type and description, as in defs.yaml."""
FEW = 12
"""Distinct texts up to which a column may be a closed list."""
OFTEN = 20
"""Rows that each text of a closed list has at least: rarer ones suggest that there are more."""
NEAR = 0.05
"""Share of the largest value below which the smallest one counts as nearly 0."""
TREND = 0.9
"""Correlation with time from which on a number is taken to grow for ever."""


def contracts(con: duckdb.DuckDBPyConnection, table: Table, moment: Moment) -> Mapping[str, Rules]:
    """Return the rules of every column, by its name in the file."""
    return {column.source: _rules(con, table, moment, column) for column in table.columns}


def _rules(con: duckdb.DuckDBPyConnection, table: Table, moment: Moment, column: Column) -> Rules:
    rules: Rules = {"nullable": True} if column.nulls else {}
    if column.number and not column.identifier and not column.constant:
        grows = abs(_trend(con, table, moment, column)) >= TREND
        rules |= {} if grows else _range(column)
    if column.text and _closed_list(con, table, moment, column):
        rules["allowed"] = list(column.values)
    return rules


def _range(column: Column) -> Rules:
    """Return a range that reaches beyond the values by as much as they span, rounded outwards."""
    if column.low is None or column.high is None or not isfinite(column.high - column.low):
        return {}
    span = column.high - column.low
    if column.low >= 0 and column.high <= 1:
        # A share or a flag stays within 0 and 1.
        return {"min": 0, "max": 1}
    # Amounts and counts begin at 0; a temperature that was never below 10 may well get there.
    begins = 0 <= column.low <= NEAR * column.high
    low = 0.0 if begins else round_down(column.low - span)
    high = 0.0 if column.high <= 0 else round_up(column.high + span)
    return {"min": _plain(low), "max": _plain(high)}


def _plain(value: float) -> float:
    return int(value) if value.is_integer() else value


def _trend(con: duckdb.DuckDBPyConnection, table: Table, moment: Moment, column: Column) -> float:
    """Return the correlation of a number with time, 0 where there is none."""
    time = f"epoch({moment.instant(literal('UTC'))})"
    ((found,),) = con.execute(
        f"SELECT corr({quote(column.source)}::DOUBLE, {time}) FROM temp.{table.relation}"
    ).fetchall()
    return float(found or 0)


def _closed_list(
    con: duckdb.DuckDBPyConnection, table: Table, moment: Moment, column: Column
) -> bool:
    """Say whether the texts are few, frequent, and all known in the first half of the history."""
    if not 1 < len(column.values) <= FEW:
        return False
    cell, time = quote(column.source), moment.instant(literal("UTC"))
    ((least, early),) = con.execute(
        f"""
        SELECT min(n), bool_and(first <= middle)
        FROM (SELECT count(*) AS n, min({time}) AS first FROM temp.{table.relation}
            WHERE {cell} IS NOT NULL GROUP BY {cell}),
            (SELECT quantile_disc({time}, 0.5) AS middle FROM temp.{table.relation})
        """
    ).fetchall()
    return int(least) >= OFTEN and bool(early)
