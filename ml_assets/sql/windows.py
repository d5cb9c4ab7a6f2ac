"""What a slice may see: from its start minus lookback to its end plus lookahead; its own rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.sql.names import columns, literal, qualified, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

START = "getvariable('slice_start')"
END = "getvariable('slice_end')"
ZONE = "getvariable('time_zone')"


def set_slice(time_zone: str, start: datetime, end: datetime) -> str:
    """Return the statements that make [start, end) the slice of all views and SELECTs."""
    return (
        f"SET VARIABLE time_zone = {literal(time_zone)}; "
        f"SET VARIABLE slice_start = {instant(start)}; SET VARIABLE slice_end = {instant(end)}"
    )


def instant(moment: datetime) -> str:
    """Return `moment` as a TIMESTAMPTZ literal; one without an offset is a ValueError."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no UTC offset")
    return f"CAST({literal(moment.isoformat())} AS TIMESTAMPTZ)"


def as_instant(expression: str) -> str:
    """Return SQL for `expression` as TIMESTAMPTZ; a DATE or TIMESTAMP is in the pipeline's zone."""
    local = f"timezone({ZONE}, CAST(({expression}) AS TIMESTAMP))"
    utc = f"CAST(({expression}) AS TIMESTAMPTZ)"
    aware = "'TIMESTAMP WITH TIME ZONE'"
    return f"CASE typeof(({expression})) WHEN {aware} THEN {utc} ELSE {local} END"


def seen(
    relation: str,
    names: Sequence[str],
    *,
    time: str | None,
    lookback: str = "0 days",
    lookahead: str = "0 days",
    exclude: Iterable[str] = (),
    partitions: Sequence[str] | None = None,
) -> str:
    """Return SQL for the own columns `names` of the rows of `relation` that a slice may see.

    `time` is a TIMESTAMPTZ expression, None for a static table; `exclude` holds predicates that
    hide a row; `partitions` names the stored slices the window touches, so that others are skipped.
    """
    conditions = [f"({predicate}) IS NOT TRUE" for predicate in exclude]
    if time is not None:
        since = f"{START} - CAST({literal(lookback)} AS INTERVAL)"
        # By local clocks, so that a day is one also where they change.
        until = (
            f"timezone({ZONE}, timezone({ZONE}, {END}) + CAST({literal(lookahead)} AS INTERVAL))"
        )
        conditions = [f"{time} >= {since}", f"{time} < {until}", *conditions]
    if partitions is not None:
        values = ", ".join(literal(partition) for partition in partitions)
        conditions.insert(0, f"{quote('_partition')} IN ({values})" if values else "false")
    where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {columns(tuple(names))}\nFROM {relation}{where}"


def view(schema: str, table: str, select: str) -> str:
    """Return the statement that shows `select` as schema.table of the current catalog."""
    return f"CREATE OR REPLACE VIEW {qualified(schema, table)} AS\n{select}"


def own(relation: str, time: str | None) -> str:
    """Return SQL for the slice's own rows of `relation`, and the rows that have no time.

    A row without a time belongs nowhere; it is shown so that the contract rejects it.
    """
    if time is None:
        return f"SELECT * FROM {relation}"
    column = quote(time)
    inside = f"{column} >= {START} AND {column} < {END}"
    return f"SELECT * FROM {relation} WHERE ({inside}) OR {column} IS NULL"
