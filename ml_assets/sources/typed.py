"""From delivered rows to typed rows, and the rows whose values cannot be typed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from ml_assets.errors import DataError
from ml_assets.sources.casts import Cast
from ml_assets.sources.rejected import Rejection, insert_faulty, insert_unreadable, rejections
from ml_assets.sources.schema import check, declared_types
from ml_assets.sql.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ml_assets.sources.base import Delivery
    from ml_assets.sql.tables import RawTable

FAULTY = "_faulty"


@dataclass(frozen=True)
class TypedResult:
    """A raw table's rows, each in exactly one of two temporary tables.

    `kept` has the declared columns in their declared types. `rejected` has them too, NULL where the
    value could not be typed (so that a row can be placed in its partition), and _reason VARCHAR,
    _row JSON (the values as delivered, as text) and _example VARCHAR.
    """

    kept: str
    rejected: str
    kept_rows: int
    rejections: tuple[Rejection, ...]
    """Most frequent first."""
    warnings: tuple[str, ...]

    @property
    def rejected_rows(self) -> int:
        """Rows in `rejected`."""
        return sum(rejection.rows for rejection in self.rejections)

    @property
    def rows(self) -> int:
        """Rows delivered."""
        return self.kept_rows + self.rejected_rows


def typed(
    con: duckdb.DuckDBPyConnection, delivery: Delivery, table: RawTable, name: str, into: str
) -> TypedResult:
    """Create the temporary tables `into` and `<into>_rejected` from `delivery`.

    Raises DataError for missing or retyped columns, columns that mostly cannot be typed, mostly
    unreadable rows, a fault after which rows may be lost, and for no rows at all.
    """
    types = declared_types(con, table, name)
    warnings = check(delivery, types, name)
    casts = _casts(con, delivery.relation, types)
    rejected = f"{into}_rejected"
    with _readable(delivery, name):
        _create(con, delivery.relation, casts, into, rejected)
        unreadable = insert_unreadable(con, delivery, name, rejected)
        faulty, total = con.execute(
            f"SELECT count(*) FILTER ({FAULTY}), count(*) FROM temp.{quote(into)}"
        ).fetchall()[0]
        if total + unreadable == 0:
            raise DataError(f"{name}: {delivery.name} has no rows.", "Fetch the file again.")
        if delivery.verify is not None:
            delivery.verify(total)
        _refuse_mostly_unreadable(con, delivery, name, rejected, (unreadable, total + unreadable))
        if faulty:
            insert_faulty(con, delivery, casts, name, rejected)
            con.execute(f"DELETE FROM temp.{quote(into)} WHERE {FAULTY}")
    con.execute(f"ALTER TABLE temp.{quote(into)} DROP COLUMN {FAULTY}")
    return TypedResult(into, rejected, total - faulty, rejections(con, rejected), warnings)


def _casts(
    con: duckdb.DuckDBPyConnection, relation: str, types: dict[str, str]
) -> tuple[Cast, ...]:
    delivered = con.execute(f"DESCRIBE temp.{quote(relation)}").fetchall()
    return tuple(Cast(column, type_, types[column]) for column, type_, *_ in delivered)


def _create(
    con: duckdb.DuckDBPyConnection, relation: str, casts: Sequence[Cast], into: str, rejected: str
) -> None:
    values = ", ".join(f"{cast.value} AS {quote(cast.column)}" for cast in casts)
    faulty = " OR ".join(cast.faulty for cast in casts if cast.faulty) or "false"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {quote(into)} AS"
        f" SELECT {values}, ({faulty}) AS {FAULTY} FROM temp.{quote(relation)}"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {quote(rejected)} AS SELECT * EXCLUDE ({FAULTY}),"
        " NULL::VARCHAR AS _reason, NULL::JSON AS _row, NULL::VARCHAR AS _example"
        f" FROM temp.{quote(into)} LIMIT 0"
    )


def _refuse_mostly_unreadable(
    con: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    name: str,
    rejected: str,
    counts: tuple[int, int],
) -> None:
    unreadable, total = counts
    if unreadable * 2 <= total:
        return
    worst = rejections(con, rejected)[0]
    raise DataError(
        f"{name}: {unreadable:,} of {total:,} rows of {delivery.name} cannot be read,"
        f" most of them: {worst.reason} ({worst.example}).",
        "Check the header, the delimiter and the encoding against the rows.",
    )


@contextmanager
def _readable(delivery: Delivery, name: str) -> Iterator[None]:
    try:
        yield
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.IOException) as error:
        if "No space left" in str(error):
            raise
        raise DataError(
            f"{name}: {delivery.name} cannot be read ({str(error).splitlines()[0]}).",
            "Fetch the file again.",
        ) from error
