"""Columns as delivered against columns as declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from ml_assets.errors import DataError, DeclarationError
from ml_assets.sources.base import UNTYPED, Delivery, Part
from ml_assets.sources.casts import INTEGERS
from ml_assets.sources.hints import did_you_mean, listed, nearest
from ml_assets.sql.names import literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets.sql.tables import RawTable

Types = dict[str, str]
COMMON = [
    "BIGINT",
    "BOOLEAN",
    "DATE",
    "DOUBLE",
    "INTEGER",
    "SMALLINT",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "VARCHAR",
]


def declared_types(con: duckdb.DuckDBPyConnection, table: RawTable, name: str) -> Types:
    """Return column to type as DuckDB names it: INT becomes INTEGER, TIMESTAMPTZ its long name."""
    return {
        column: _known(con, rule.type, f"{name}.{column}") for column, rule in table.columns.items()
    }


def _known(con: duckdb.DuckDBPyConnection, type_: str, where: str) -> str:
    try:
        return str(con.execute(f"SELECT typeof(CAST(NULL AS {type_}))").fetchall()[0][0])
    except duckdb.Error as error:
        raise DeclarationError(
            f"{where} is declared {type_}, which is no DuckDB type.",
            f"Common types: {listed(COMMON)}.{did_you_mean(type_, COMMON)}",
        ) from error


def check(delivery: Delivery, types: Types, name: str) -> tuple[str, ...]:
    """Raise DataError for missing or retyped columns; return a warning per added column."""
    for part in delivery.parts:
        _refuse_missing(part, types, name)
        _refuse_retyped(part, types, name)
    added = {
        column: (part, type_)
        for part in delivery.parts
        for column, type_ in part.columns.items()
        if column not in types
    }
    return tuple(_added(column, part, type_, name) for column, (part, type_) in added.items())


def _refuse_missing(part: Part, types: Types, name: str) -> None:
    missing = [column for column in types if column not in part.columns]
    if not missing:
        return
    undeclared = [column for column in part.columns if column not in types]
    renamed = {c: near[0] for c in missing if (near := nearest(c, undeclared))}
    raise DataError(
        f"{name}: {part.name} has no column {listed(f'`{column}`' for column in missing)}.",
        _missing_hint(part, renamed),
    )


def _missing_hint(part: Part, renamed: Mapping[str, str]) -> str:
    if renamed:
        pairs = listed(f"`{new}` for `{old}`" for old, new in renamed.items())
        return f"Renamed? It has {pairs}: declare the new name and use it in the SQL."
    alone = next(iter(part.columns))
    if len(part.columns) == 1 and any(mark in alone for mark in ";\t|"):
        return f"Its only column is {alone!r}: set `delimiter` in the source."
    return f"It has {listed(part.columns)}: remove the column from the declaration or restore it."


def _refuse_retyped(part: Part, types: Types, name: str) -> None:
    for column, declared in types.items():
        delivered = part.columns[column]
        if not _fits(delivered, declared):
            raise DataError(
                f"{name}: {part.name} delivers `{column}` as {delivered}, declared is {declared}.",
                f"Declare `{column}: {delivered}` and convert it in the cleaned SQL, or mend the"
                " source.",
            )


def _fits(delivered: str, declared: str) -> bool:
    one, other = _family(delivered), _family(declared)
    if one == "text":
        return other in {"text", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}
    nested_as_text = one == "nested" and other == "text"
    return delivered == UNTYPED or one == other or nested_as_text


def _family(type_: str) -> str:
    if type_ in INTEGERS or type_ in {"DOUBLE", "FLOAT"} or type_.startswith("DECIMAL"):
        return "number"
    if type_.endswith("]") or type_.startswith(("STRUCT", "MAP", "UNION")):
        return "nested"
    if type_ in {"VARCHAR", "JSON"} or type_.startswith("ENUM"):
        return "text"
    return "TIMESTAMP" if type_ in {"TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"} else type_


def _added(column: str, part: Part, type_: str, name: str) -> str:
    declare = "VARCHAR" if type_ == UNTYPED else type_
    return (
        f"{name}: {part.name} has a column {literal(column)} that is not declared and not loaded."
        f" To load it, declare `{column}: {declare}`."
    )
