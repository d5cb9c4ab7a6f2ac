"""Rows that cannot be typed: collected with their reason, and refused when they are most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.sql.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.sources.base import Delivery
    from ml_assets.sources.casts import Cast


@dataclass(frozen=True)
class Rejection:
    """How many rows share a reason, and one of the values (or lines) behind it."""

    reason: str
    rows: int
    example: str


def insert_unreadable(con: DuckDBPyConnection, delivery: Delivery, name: str, rejected: str) -> int:
    """Add the rows the source could not read to `rejected` and return how many they are."""
    if delivery.unreadable is None:
        return 0
    fatal = con.execute(
        f"SELECT place, reason FROM ({delivery.unreadable}) WHERE fatal ORDER BY place LIMIT 1"
    ).fetchall()
    if fatal:
        place, reason = fatal[0]
        raise DataError(
            f"{name}: {place}: {reason}; where the next row starts cannot be told.",
            "Mend the quotes there, or fetch the file again.",
        )
    return _inserted(
        con,
        f"INSERT INTO temp.{quote(rejected)} BY NAME SELECT reason AS _reason, row AS _row,"
        f" place AS _example FROM ({delivery.unreadable})",
    )


def insert_faulty(
    con: DuckDBPyConnection, delivery: Delivery, casts: Sequence[Cast], name: str, rejected: str
) -> int:
    """Add the rows with a value that cannot be typed to `rejected` and return how many they are."""
    checked = [cast for cast in casts if cast.faulty]
    _refuse_retyped(con, delivery, checked, name)
    values = ", ".join(f"{_sound(cast)} AS {quote(cast.column)}" for cast in casts)
    reasons = ", ".join(f"CASE WHEN {c.faulty} THEN {literal(c.reason)} END" for c in checked)
    examples = " ".join(f"WHEN {c.faulty} THEN {_text(c.column)}" for c in checked)
    row = ", ".join(f"{literal(cast.column)}: {_text(cast.column)}" for cast in casts)
    faulty = " OR ".join(str(cast.faulty) for cast in checked)
    return _inserted(
        con,
        f"INSERT INTO temp.{quote(rejected)} BY NAME SELECT {values},"
        f" concat_ws('; ', {reasons}) AS _reason, to_json({{{row}}}) AS _row,"
        f" CASE {examples} END AS _example"
        f" FROM temp.{quote(delivery.relation)} WHERE {faulty}",
    )


def rejections(con: DuckDBPyConnection, rejected: str) -> tuple[Rejection, ...]:
    """Return the reasons in `rejected`, most frequent first."""
    rows = con.execute(
        f"SELECT _reason, count(*), min(_example) FROM temp.{quote(rejected)}"
        " GROUP BY ALL ORDER BY count(*) DESC, _reason"
    ).fetchall()
    return tuple(Rejection(*row) for row in rows)


def _refuse_retyped(
    con: DuckDBPyConnection, delivery: Delivery, casts: Sequence[Cast], name: str
) -> None:
    counts = ", ".join(
        f"count({quote(c.column)}), count(*) FILTER ({c.faulty}),"
        f" min({_text(c.column)}) FILTER ({c.faulty})"
        for c in casts
    )
    row = con.execute(f"SELECT {counts} FROM temp.{quote(delivery.relation)}").fetchall()[0]
    for cast, given, faulty, example in zip(casts, row[::3], row[1::3], row[2::3], strict=True):
        if faulty * 2 > given:
            raise DataError(
                f"{name}: column `{cast.column}` of {delivery.name} is declared {cast.declared},"
                f" but {faulty:,} of {given:,} values are not, such as {example!r}.",
                f"Declare `{cast.column}: VARCHAR` and convert it in the cleaned SQL; where the"
                " value means missing, add it to `nulls` of the source.",
            )


def _sound(cast: Cast) -> str:
    return f"CASE WHEN NOT {cast.faulty} THEN {cast.value} END" if cast.faulty else cast.value


def _text(column: str) -> str:
    return f"{quote(column)}::VARCHAR"


def _inserted(con: DuckDBPyConnection, statement: str) -> int:
    return int(con.execute(statement).fetchall()[0][0])
