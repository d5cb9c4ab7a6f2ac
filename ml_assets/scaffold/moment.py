"""The column that says when a row happened: found among dates, times and text that is one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.scaffold.asked import column_named
from ml_assets.scaffold.spelling import bare
from ml_assets.sql.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from ml_assets.scaffold.columns import Column
    from ml_assets.scaffold.table import Table

FORMATS = (
    *("%Y%m%d", "%Y-%m", "%Y/%m", "%Y%m%d%H%M%S"),
    *("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"),
    *("%m/%d/%y %H:%M", "%d/%m/%y %H:%M", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S"),
    *("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p"),
    *("%d.%m.%Y", "%d.%m.%y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S"),
    *("%d-%m-%Y", "%d-%m-%Y %H:%M", "%d-%m-%Y %H:%M:%S", "%d-%b-%Y", "%d-%b-%y"),
    *("%b %d %Y", "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y"),
    *("%a %b %d %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S"),
)
"""How dates are written beside ISO 8601; where two fit, the first: the month before the day."""
GLANCE = 50
"""Rows that are looked at first, one by one for every format."""
_CALLED = re.compile(r"(^|_)(date|time|datetime|timestamp|day|month|at|on|ds|when|created)($|_)")


@dataclass(frozen=True)
class Moment:
    """A column, and how its values are written where they are no ISO 8601."""

    column: Column
    format: str | None = None

    @property
    def local(self) -> str:
        """SQL over the raw column: DATE, TIMESTAMP (both local) or TIMESTAMPTZ."""
        cell = bare(self.column.source)
        if self.format is None:
            return cell
        text = cell if self.column.text else f"{cell}::VARCHAR"
        return f"try_strptime({text}, {literal(self.format)})"

    def instant(self, zone: str) -> str:
        """Return SQL over the raw column for the TIMESTAMPTZ; `zone` is SQL for the time zone."""
        if self.column.type == "TIMESTAMPTZ":
            return bare(self.column.source)
        day = "::TIMESTAMP" if self.column.type == "DATE" else ""
        return f"timezone({zone}, {self.local}{day})"


def moments(con: duckdb.DuckDBPyConnection, table: Table) -> list[Moment]:
    """Return the columns that say a moment in every row, the likeliest first."""
    found = [moment for column in table.columns if (moment := _moment(con, table, column))]
    return sorted(found, key=lambda one: _rank(con, table, one))


def moment_called(con: duckdb.DuckDBPyConnection, table: Table, name: str) -> Moment:
    """Return the moment in the column `name`; raises DataError where its values are none."""
    column = column_named(table, name, "--time")
    found = _moment(con, table, column)
    if found is not None:
        return found
    cell = quote(column.source)
    rows = con.execute(
        f"SELECT {cell}::VARCHAR FROM temp.{table.relation} WHERE {cell} IS NOT NULL LIMIT 1"
    ).fetchall()
    example = repr(rows[0][0]) if rows else "NULL"
    raise DataError(
        f"--time {name} is no time: {table.name} holds {example} there ({column.type}).",
        "A time has at least a day and is written as 2024-01-31, 2024-01-31 10:00 or with an offset"
        " as 2024-01-31T10:00:00Z; dates such as 01/31/2024, 31.01.2024 and 20240131 are read too.",
    )


def no_moment(table: Table) -> DataError:
    """Return the refusal of a table in which nothing says when a row happened."""
    return DataError(
        f"{table.name} has no column with a date or time ({len(table.columns)} columns:"
        f" {', '.join(column.source for column in table.columns)}).",
        "A model here is trained on the past and judged on what came later, and a feature may use"
        " only what was known by then: without a time neither can be checked. Add a column that"
        " says when each row was known, or name it with --time.",
    )


def _moment(con: duckdb.DuckDBPyConnection, table: Table, column: Column) -> Moment | None:
    if column.moment:
        return Moment(column)
    if not column.distinct or not (column.text or column.type == "INTEGER"):
        return None
    # Few rows rule out most ways to write a date.
    tried = _fitting(con, table, column, FORMATS, f"LIMIT {GLANCE}")
    found = _fitting(con, table, column, tried) if tried else []
    return Moment(column, found[0]) if found else None


def _fitting(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    column: Column,
    formats: Sequence[str],
    limit: str = "",
) -> list[str]:
    """Return those of `formats` in which every text is a date between 1900 and 2200."""
    fits = ", ".join(
        f"count(*) FILTER (year(try_strptime(x, {literal(one)})) BETWEEN 1900 AND 2200)"
        for one in formats
    )
    cell = quote(column.source)
    given, *counts = con.execute(
        f"SELECT count(*), {fits} FROM (SELECT {cell}::VARCHAR AS x FROM temp.{table.relation}"
        f" WHERE {cell} IS NOT NULL {limit})"
    ).fetchall()[0]
    return [one for one, count in zip(formats, counts, strict=True) if count == given]


def _rank(con: duckdb.DuckDBPyConnection, table: Table, moment: Moment) -> tuple[bool, bool, float]:
    """Order: no NULL, called like a time, the earliest; what comes later may be an outcome."""
    value = f"avg(epoch({moment.instant(literal('UTC'))}))"
    ((mean,),) = con.execute(f"SELECT {value} FROM temp.{table.relation}").fetchall()
    return moment.column.nulls > 0, not _CALLED.search(moment.column.name), float(mean)
