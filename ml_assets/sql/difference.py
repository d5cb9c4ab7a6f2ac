"""How a rebuilt table differs from the stored one, up to a cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ml_assets.sql.names import literal, quote
from ml_assets.sql.types import FLOATS, canonical
from ml_assets.sql.windows import instant
from ml_assets.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

TOLERANCE = 1e-9
"""Relative difference up to which floats are equal."""


@dataclass(frozen=True)
class Difference:
    """One fault: rows whose `column` changed, or rows (`column` None) missing or extra.

    `key` is the smallest key at fault as text, with the values of both tables there.
    """

    fault: Literal["changed", "missing", "extra"]
    column: str | None
    rows: int
    key: str
    original: str | None
    rebuilt: str | None

    def message(self, table: str, cutoff: datetime) -> str:
        """Return the fault in words, naming table, column, count, key and both values."""
        rows = counted(self.rows, "row")
        when = f"with what was known at {cutoff.isoformat()}"
        if self.fault == "changed":
            values = f"{_shown(self.original)} became {_shown(self.rebuilt)}"
            differ = "differs" if self.rows == 1 else "differ"
            return f"{table}.{self.column}: {rows} {differ} {when}: {self.key} {values}."
        return f"{table}: {rows} {self.fault} {when}: {self.key}."


def difference(
    original: str,
    rebuilt: str,
    key: Sequence[str],
    columns: Mapping[str, str],
    prediction_time: str,
    cutoff: datetime,
) -> str:
    """Return SQL for one row per fault (the fields of `Difference`), the widest first.

    Compares the rows with `prediction_time` up to `cutoff` in one pass: NULL equals NULL, NaN
    equals NaN, floats within a relative 1e-9. No row is the answer when nothing differs.
    """
    moment = instant(cutoff)
    before = f"WHERE {quote(prediction_time)} <= {moment}"
    match = " AND ".join(f"o.{quote(name)} IS NOT DISTINCT FROM r.{quote(name)}" for name in key)
    both = "o._here AND r._here"
    faults = [
        _fault("missing", None, "r._here IS NULL", _key("o", key)),
        _fault("extra", None, "o._here IS NULL", _key("r", key)),
        *(
            _fault("changed", name, f"{both} AND {_differs(name, kind)}", _key("o", key))
            for name, kind in columns.items()
            if name not in key
        ),
    ]
    lines = ",\n  ".join(faults)
    return (
        f"SELECT * FROM (SELECT unnest([\n  {lines}], recursive := true)\n"
        f"FROM (SELECT *, true AS _here FROM {original} {before}) AS o\n"
        f"FULL JOIN (SELECT *, true AS _here FROM {rebuilt} {before}) AS r ON {match})\n"
        'WHERE "rows" > 0 ORDER BY "rows" DESC'
    )


def _fault(fault: str, column: str | None, condition: str, key: str) -> str:
    """Return SQL for one aggregated fault; texts are made for the rows at fault only."""
    named, one, other = "NULL", "NULL", "NULL"
    if column is not None:
        named, one, other = literal(column), f"o.{quote(column)}", f"r.{quote(column)}"
    example = (
        f"{{'key': {key}, 'original': CAST({one} AS VARCHAR), 'rebuilt': CAST({other} AS VARCHAR)}}"
    )
    return (
        f"{{'fault': {literal(fault)}, 'column': CAST({named} AS VARCHAR), "
        f"'rows': count(*) FILTER ({condition}), "
        f"'example': min(CASE WHEN {condition} THEN {example} END)}}"
    )


def _differs(name: str, kind: str) -> str:
    one, other = f"o.{quote(name)}", f"r.{quote(name)}"
    if canonical(kind) not in FLOATS:
        return f"{one} IS DISTINCT FROM {other}"
    # Infinity minus infinity is NaN, so only finite numbers are compared by distance.
    near = f"abs({one} - {other}) <= {TOLERANCE!r} * greatest(abs({one}), abs({other}))"
    finite = f"isfinite({one}) AND isfinite({other})"
    same = f"{one} IS NOT DISTINCT FROM {other}"
    return f"CASE WHEN {same} THEN false WHEN {finite} THEN NOT {near} ELSE true END"


def _key(alias: str, key: Sequence[str]) -> str:
    parts = ", ', ', ".join(
        f"{literal(name + '=')}, coalesce(CAST({alias}.{quote(name)} AS VARCHAR), 'NULL')"
        for name in key
    )
    return f"concat('(', {parts}, ')')"


def _shown(value: str | None) -> str:
    return "NULL" if value is None else value
