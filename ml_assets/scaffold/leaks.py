"""Columns that are known too late: they tell the target by themselves, or a later moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.scaffold.columns import MOST_VALUES
from ml_assets.scaffold.moment import Moment
from ml_assets.sql.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from ml_assets.scaffold.columns import Column
    from ml_assets.scaffold.table import Table
    from ml_assets.scaffold.target import Target

TOO_GOOD = 0.99
"""AUC of one column by itself from which on it is taken for the outcome in other words."""
COPY = 0.999
"""Absolute correlation of one column with a numeric target from which on it is taken for it."""
RARELY = 0.01
"""Share of rows in which a column may be later than the row's time and still count as known."""
SAMPLE = 50_000
"""Rows that are looked at: enough for the third decimal."""
UTC = literal("UTC")


@dataclass(frozen=True)
class Leak:
    """A column that is known too late to be a feature."""

    column: Column
    how: str
    """What was measured, in words."""


def find_leaks(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    target: Target,
    moment: Moment,
    columns: Iterable[Column],
) -> list[Leak]:
    """Return those of `columns` that a row most likely has with its outcome, not at its time."""
    tried = [column for column in columns if not column.constant]
    measure = _correlation if target.problem == "regression" else _separation
    found: dict[str, Leak] = {}
    for asked in target.asked:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE _sample AS SELECT *, {asked} AS _y,"
            f" {moment.instant(UTC)} AS _at"
            f" FROM temp.{table.relation} WHERE {quote(target.column.source)} IS NOT NULL"
            f" USING SAMPLE reservoir({SAMPLE} ROWS) REPEATABLE (0)"
        )
        for column in tried:
            how = _later(con, column) if column.moment else measure(con, column)
            if how is not None:
                found.setdefault(column.source, Leak(column, how))
    return [found[column.source] for column in tried if column.source in found]


def _later(con: duckdb.DuckDBPyConnection, column: Column) -> str | None:
    """Return how often the column's moment is later than the row's, in words, where it often is."""
    value = Moment(column).instant(UTC)
    ((share,),) = con.execute(f"SELECT avg(({value} > _at)::INTEGER) FROM temp._sample").fetchall()
    if share is None or share <= RARELY:
        return None
    return f"it is later than the row's time in {share:.0%} of rows"


def _separation(con: duckdb.DuckDBPyConnection, column: Column) -> str | None:
    """Return the column's AUC in words where it is too good, by its values or by being NULL."""
    cell = quote(column.source)
    tried = {f"{cell} IS NULL": "by whether it is NULL"} if column.nulls else {}
    for value, how in {**tried, **_as_number(column)}.items():
        ((auc,),) = con.execute(
            f"""
            WITH ranked AS (
                SELECT _y, rank() OVER (ORDER BY x NULLS FIRST)
                    + (count(*) OVER (PARTITION BY x) - 1) / 2 AS r
                FROM (SELECT _y, ({value})::DOUBLE AS x FROM temp._sample)
            ), sums AS (
                SELECT sum(r) FILTER (_y = 1) AS r, sum(_y) AS ones, count(*) - ones AS zeros
                FROM ranked
            )
            SELECT (r - ones * (ones + 1) / 2) / nullif(ones * zeros, 0) FROM sums
            """
        ).fetchall()
        if auc is not None and max(auc, 1 - auc) >= TOO_GOOD:
            return f"it tells the target, AUC {max(auc, 1 - auc):.3f} {how}"
    return None


def _correlation(con: duckdb.DuckDBPyConnection, column: Column) -> str | None:
    """Return the column's correlation with the target in words where it is as good as a copy."""
    for value, how in _as_number(column).items():
        ((found,),) = con.execute(
            f"SELECT corr(_y, x) FROM (SELECT _y, ({value})::DOUBLE AS x FROM temp._sample)"
        ).fetchall()
        if found is not None and abs(found) >= COPY:
            return f"it tells the target, correlation {found:.4f} {how}"
    return None


def _as_number(column: Column) -> dict[str, str]:
    """Return SQL for the column as a number; of a text, its rows' mean target."""
    cell = quote(column.source)
    if column.number or column.type == "BOOLEAN":
        return {cell: "by its value"}
    if column.text and column.distinct <= MOST_VALUES:
        return {f"avg(_y) OVER (PARTITION BY {cell})": "by its value"}
    return {}
