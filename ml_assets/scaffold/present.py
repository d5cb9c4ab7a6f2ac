"""The history until now: rows that are later than now, and how many days have rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets import clock
from ml_assets.sql.names import literal
from ml_assets.sql.windows import instant

if TYPE_CHECKING:
    import duckdb

    from ml_assets.scaffold.moment import Moment
    from ml_assets.scaffold.table import Table

FOUR_WEEKS = 28


def later(moment: Moment, zone: str) -> str:
    """Return SQL: the row is later than now."""
    return f"coalesce({moment.instant(literal(zone))} > {instant(clock.now())}, false)"


def rows_later(con: duckdb.DuckDBPyConnection, table: Table, moment: Moment, zone: str) -> int:
    """Return how many rows are later than now."""
    ((count,),) = con.execute(
        f"SELECT count(*) FROM temp.{table.relation} WHERE {later(moment, zone)}"
    ).fetchall()
    return int(count)


def days_in_four_weeks(
    con: duckdb.DuckDBPyConnection, table: Table, moment: Moment, zone: str
) -> float:
    """Return how many of 28 days have rows, on average from the first to the last until now."""
    local = f"timezone({literal(zone)}, {moment.instant(literal(zone))})::DATE"
    ((days, span),) = con.execute(
        "SELECT count(DISTINCT d), datediff('day', min(d), max(d)) + 1"
        f" FROM (SELECT {local} AS d FROM temp.{table.relation} WHERE NOT {later(moment, zone)})"
    ).fetchall()
    return float(FOUR_WEEKS * days / span)
