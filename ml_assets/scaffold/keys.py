"""The key: the columns that tell one row from every other that is no copy of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.sql.names import columns as listed_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from ml_assets.scaffold.columns import Column
    from ml_assets.scaffold.table import Table

LONGEST = 4
"""Columns that a guessed key has at most."""

Key = tuple["Column", ...]


def guess_key(
    con: duckdb.DuckDBPyConnection, table: Table, time: Column, target: Column
) -> Key | None:
    """Return the likeliest key: an identifier, the time, else the time with what is needed beside.

    None where no few columns tell the rows apart.
    """
    usable = [column for column in _usable(table, target) if column != time]
    whole = _distinct(con, table, table.columns)
    for column in (*sorted(usable, key=_order), time):
        if not column.nulls and column.distinct == whole:
            return (column,)
    return _grown(con, table, [time, *sorted(usable, key=_order)], whole)


def check_key(con: duckdb.DuckDBPyConnection, table: Table, key: Key, target: Column) -> None:
    """Raise DataError where the key holds the target, is NULL or does not tell rows apart."""
    named = ", ".join(column.source for column in key)
    for column in key:
        if column == target:
            raise DataError(
                f"--key {named} holds the target {target.source}.",
                "A key is known before the target is: name what identifies a row.",
            )
        if column.nulls:
            raise DataError(
                f"--key {named}: {column.source} is NULL in {column.nulls:,} of {table.rows:,}"
                " rows.",
                "A key is there in every row; leave the column out of it, or mend the file.",
            )
    if _distinct(con, table, key) < _distinct(con, table, table.columns):
        raise _repeated(con, table, key, named)


def no_key(con: duckdb.DuckDBPyConnection, table: Table, time: Column, target: Column) -> DataError:
    """Return the refusal of a table whose rows nothing tells apart, with the nearest try."""
    tried = (time, *(column for column in _usable(table, target) if column != time))
    nearest = _repeated(con, table, tried[:LONGEST], "?")
    which = f"No {LONGEST} columns" if len(tried) >= LONGEST else "No columns that may be a key"
    return DataError(
        f"{which} of {table.name} tell its {table.rows:,} rows apart.",
        f"{nearest.fact.partition(': ')[2]} Add a column that numbers the rows, or name the columns"
        " with --key.",
    )


def _usable(table: Table, target: Column) -> list[Column]:
    return [
        column
        for column in table.columns
        if column != target and not column.nulls and not column.fractional and not column.constant
    ]


def _order(column: Column) -> tuple[bool, int]:
    return not column.identifier, -column.distinct


def _grown(
    con: duckdb.DuckDBPyConnection, table: Table, usable: Sequence[Column], whole: int
) -> Key | None:
    """Return the columns that, each adding most, tell all rows apart, without what is idle."""
    key: list[Column] = []
    for _ in range(LONGEST):
        counts = {one: _distinct(con, table, (*key, one)) for one in usable if one not in key}
        if not counts:
            return None
        best = max(counts, key=lambda one: counts[one])
        key.append(best)
        if counts[best] == whole:
            needed = [one for one in key if _distinct(con, table, _without(key, one)) < whole]
            return tuple(needed)
    return None


def _without(key: Iterable[Column], left_out: Column) -> Key:
    return tuple(column for column in key if column != left_out)


def _distinct(con: duckdb.DuckDBPyConnection, table: Table, key: Iterable[Column]) -> int:
    names = listed_columns([column.source for column in key])
    if not names:
        return 1
    return int(
        con.execute(
            f"SELECT count(*) FROM (SELECT DISTINCT {names} FROM temp.{table.relation})"
        ).fetchall()[0][0]
    )


def _repeated(con: duckdb.DuckDBPyConnection, table: Table, key: Key, named: str) -> DataError:
    names = listed_columns([column.source for column in key])
    rows = con.execute(
        f"SELECT {names}, count(*) AS n FROM (SELECT DISTINCT * FROM temp.{table.relation})"
        f" GROUP BY ALL HAVING n > 1 ORDER BY n DESC, {names}"
    ).fetchall()
    *values, count = rows[0]
    example = ", ".join(
        f"{column.source}={value}" for column, value in zip(key, values, strict=True)
    )
    return DataError(
        f"--key {named}: {len(rows):,} keys stand in several rows that differ, such as {example}"
        f" ({count} rows).",
        "Name more columns, separated by commas, until every row has a key of its own; exact copies"
        " of a row do no harm.",
    )
