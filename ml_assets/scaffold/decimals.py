"""Numbers written with a decimal comma, and perhaps dots between thousands: 1.234,50."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.sql.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

_WRITTEN = literal(r"\s*[+-]?([0-9]+|[0-9]{1,3}([.][0-9]{3})+)(,[0-9]+)?\s*")
_PROOF = literal(r"(^|[^0-9])0,|,([0-9]{1,2}|[0-9]{4,})\s*$")
"""A comma that stands before no thousand: after a 0 alone, or before other than three digits."""


def decimal_comma(
    con: duckdb.DuckDBPyConnection, relation: str, column: str, nulls: Sequence[str] = ("",)
) -> bool:
    """Say whether all texts in `column` are such numbers, and one can be nothing else."""
    cell = quote(column)
    missing = ", ".join(literal(null.lower()) for null in nulls)
    ((other, proof),) = con.execute(
        f"SELECT count(*) FILTER (NOT regexp_full_match({cell}, {_WRITTEN})),"
        f" count(*) FILTER (regexp_matches({cell}, {_PROOF}))"
        f" FROM temp.{relation} WHERE lower({cell}) NOT IN ({missing})"
    ).fetchall()
    return bool(proof and not other)


def as_double(cell: str) -> str:
    """Return SQL for the number that the text `cell` writes."""
    return f"replace(replace({cell}, '.', ''), ',', '.')::DOUBLE"
