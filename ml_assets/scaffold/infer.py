"""Types from text: the narrowest that every value has, as the platform itself would read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.scaffold.decimals import decimal_comma
from ml_assets.sources.base import UNTYPED
from ml_assets.sources.casts import INTEGERS, Cast
from ml_assets.sql.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMPTZ")
WRITTEN_TYPES = ("BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", *MOMENTS)
"""What text may mean, the narrowest first; a DATE's text is a TIMESTAMP's as well."""
NULL_WORDS = ("na", "n/a", "n.a.", "nan", "null", "none", "-", "?", "\\n", ".")
"""What files write for a missing value in upper or lower case, beside nothing at all."""
NEARLY_ALL = 0.9
"""Share of numbers among the values from which on the others are words among numbers."""
FEW_WORDS = 20
"""Different words among numbers up to which they are that, and the column no code."""
ROOM = 4
"""An integer column is declared as a type that holds so many times its largest value."""


def null_words(
    con: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str]
) -> tuple[str, ...]:
    """Return the words for a missing value: those in columns that have a type without them.

    The empty text is always one of them.
    """
    words = ", ".join(literal(word) for word in NULL_WORDS)
    found = {"": None}
    for column in columns:
        cell = quote(column)
        rows = con.execute(
            f"SELECT DISTINCT {cell} FROM temp.{relation} WHERE lower({cell}) IN ({words})"
            " ORDER BY 1"
        ).fetchall()
        if rows and _has_type_without(con, relation, column, ("", *NULL_WORDS)):
            found |= dict.fromkeys(row[0] for row in rows)
    return tuple(found)


def _has_type_without(
    con: duckdb.DuckDBPyConnection, relation: str, column: str, nulls: Sequence[str]
) -> bool:
    typed = type_of(con, relation, column, WRITTEN_TYPES, nulls) != "VARCHAR"
    return typed or decimal_comma(con, relation, column, nulls)


def type_of(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    column: str,
    types: Sequence[str],
    nulls: Sequence[str] = ("",),
) -> str:
    """Return the first of `types` that no text in `column` contradicts, else VARCHAR."""
    cell = quote(column)
    faults = ", ".join(f"count(*) FILTER ({_contradicts(column, kind)})" for kind in types)
    given, *faulty = con.execute(
        f"SELECT count({cell}), {faults} FROM temp.{relation}"
        f" WHERE lower({cell}) NOT IN ({', '.join(literal(null.lower()) for null in nulls)})"
    ).fetchall()[0]
    fitting = (kind for kind, count in zip(types, faulty, strict=True) if given and not count)
    return next(fitting, "VARCHAR")


def words_among_numbers(
    con: duckdb.DuckDBPyConnection, relation: str, column: str
) -> tuple[str, ...]:
    """Return the few texts that are no number where nearly all are, the most frequent first."""
    cell = quote(column)
    number = f"NOT {_contradicts(column, 'DOUBLE')}"
    ((share,),) = con.execute(
        f"SELECT avg(({number})::INTEGER) FROM temp.{relation} WHERE {cell} IS NOT NULL"
    ).fetchall()
    if share is None or share <= NEARLY_ALL:
        return ()
    rows = con.execute(
        f"SELECT {cell} FROM temp.{relation} WHERE {_contradicts(column, 'DOUBLE')}"
        " GROUP BY 1 ORDER BY count(*) DESC, 1"
    ).fetchall()
    return tuple(word for (word,) in rows) if len(rows) <= FEW_WORDS else ()


def declarable(delivered: str) -> str:
    """Return the type to declare for a column that its file delivers as `delivered`."""
    if delivered == UNTYPED or delivered.startswith(("ENUM", "STRUCT", "MAP", "UNION")):
        return "VARCHAR"
    if delivered in {"TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"}:
        return "TIMESTAMP"
    if delivered == "TIMESTAMP WITH TIME ZONE":
        return "TIMESTAMPTZ"
    if delivered in INTEGERS and "HUGE" not in delivered and delivered != "UBIGINT":
        return "BIGINT" if delivered in {"BIGINT", "UINTEGER"} else "INTEGER"
    return "VARCHAR" if delivered.endswith("]") else delivered


def _contradicts(column: str, kind: str) -> str:
    """Return SQL: the text is no value of that type, or should not be taken for one."""
    cell = quote(column)
    if kind == "BOOLEAN":
        return f"lower({cell}) NOT IN ('true', 'false')"
    full = "TIMESTAMP WITH TIME ZONE" if kind == "TIMESTAMPTZ" else kind
    wrong = Cast(column, "VARCHAR", full).faulty or "false"
    if kind == "INTEGER":
        wrong += f" OR abs(TRY_CAST({cell} AS DOUBLE)) * {ROOM} >= 2 ** 31"
    if kind in {"INTEGER", "BIGINT", "DOUBLE"}:
        # Digits after a leading zero are a code, such as a postal one.
        wrong += f" OR regexp_full_match({cell}, '[+-]?0[0-9]+')"
    return f"({wrong})"
