"""Features that every moment gives: hour, weekday and month, where they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.sql.names import literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from ml_assets.scaffold.moment import Moment
    from ml_assets.scaffold.table import Table


@dataclass(frozen=True)
class Made:
    """A feature made of the time; `part` is the SQL function of a local TIMESTAMP."""

    name: str
    part: str
    low: int
    high: int
    description: str


PARTS = (
    Made("hour", "hour", 0, 23, "Local hour of the day."),
    Made("weekday", "isodow", 1, 7, "Local day of the week, Monday 1 to Sunday 7."),
    Made("month", "month", 1, 12, "Local month; a season is learned from several years only."),
)
YEARS = 2
"""Years after which a month has been seen again; before, it only says when in the history."""


def made_features(
    con: duckdb.DuckDBPyConnection, table: Table, moment: Moment, zone: str
) -> Iterator[Made]:
    """Yield the parts of the time that differ from row to row and have no column's name."""
    local = f"timezone({literal(zone)}, {moment.instant(literal(zone))})"
    for part in PARTS:
        values, days, span = con.execute(
            f"SELECT count(DISTINCT {part.part}(t)), count(DISTINCT t::DATE),"
            " datediff('day', min(t), max(t))"
            f" FROM (SELECT {local} AS t FROM temp.{table.relation})"
        ).fetchall()[0]
        taken = any(column.name == part.name for column in table.columns)
        if values > 1 and not taken and _telling(part.name, days, span):
            yield part


def _telling(part: str, days: int, span: int) -> bool:
    """Say whether a part of the time can mean something in `days` different days of `span`."""
    if part == "month":
        return span >= YEARS * 365
    # Rows of every month's last day have weekdays by accident.
    return part != "weekday" or days * 3 >= span
