"""A table in a file: read as a pipeline would read it, its columns typed and counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.scaffold import infer
from ml_assets.scaffold.columns import Column, cleaned_names, profiles
from ml_assets.scaffold.decimals import as_double, decimal_comma
from ml_assets.sources.base import UNTYPED
from ml_assets.sources.files import Files
from ml_assets.sources.load import load
from ml_assets.sql.names import OWN_COLUMNS, quote
from ml_assets.sql.tables import Column as Declared
from ml_assets.sql.tables import RawTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

RELATION = "_given"
"""The temporary table that holds the rows, under the file's column names."""
FEWEST_ROWS = 200
"""Below, a held-out window has too few rows to tell a model from chance."""
DELIMITERS = (",", ";", "\t", "|")
_HEADER, _PROBE = "_header", "(none)"


@dataclass(frozen=True)
class Table:
    """A file's columns; its rows are in the temporary table `relation`."""

    source: Files
    columns: tuple[Column, ...]
    rows: int
    unreadable: int
    """Rows that could not be read, and are not in `relation`."""
    relation: str = RELATION

    @property
    def name(self) -> str:
        """The file's name without folders."""
        return Path(self.source.paths[0]).name


def read_table(con: duckdb.DuckDBPyConnection, path: str) -> Table:
    """Read the file at `path` into `con`; raises DataError where that cannot be, or it is small."""
    source = Files(path=path)
    delivered, delimiter = _header(con, source)
    _refuse_own(path, delivered)
    source = replace(source, delimiter=delimiter)
    # Only a CSV has no types at all.
    if {*delivered.values()} == {UNTYPED}:
        _read(con, source, dict.fromkeys(delivered, "VARCHAR"))
        nulls = infer.null_words(con, RELATION, [*delivered])
        source = replace(source, nulls=nulls[0] if len(nulls) == 1 else nulls)
    types = _types(con, source, delivered)
    unreadable = _read(con, source, types)
    commas = [
        name
        for name, kind in types.items()
        if kind == "VARCHAR" and decimal_comma(con, RELATION, name)
    ]
    _convert(con, commas)
    types |= dict.fromkeys(commas, "DOUBLE")
    columns = profiles(con, RELATION, types, cleaned_names(types), commas)
    rows = con.execute(f"SELECT count(*) FROM temp.{RELATION}").fetchall()[0][0]
    if rows < FEWEST_ROWS:
        raise DataError(
            f"{path} has {rows:,} rows; {FEWEST_ROWS} are the fewest from which a model can be"
            " trained and judged on later rows.",
            "Bring a longer history.",
        )
    return Table(source, columns, rows, unreadable)


def _refuse_own(path: str, names: Iterable[str]) -> None:
    for name in names:
        if name.lower() in OWN_COLUMNS:
            raise DataError(
                f"{path} has a column {name}, which the platform itself adds to every raw table.",
                "Rename or drop it in the file.",
            )


def _header(con: duckdb.DuckDBPyConnection, source: Files) -> tuple[dict[str, str], str]:
    """Return the delivered columns with their types, and the delimiter that finds most of them."""
    found: dict[str, str] = {}
    best = source.delimiter
    for delimiter in DELIMITERS:
        # A column that no file has: only the header is wanted.
        with replace(source, delimiter=delimiter).read(con, _HEADER, [_PROBE]) as delivery:
            names = dict(delivery.parts[0].columns)
        if len(names) > len(found):
            found, best = names, delimiter
        if len(found) > 1:
            break
    return found, best


def _types(
    con: duckdb.DuckDBPyConnection, source: Files, delivered: dict[str, str]
) -> dict[str, str]:
    _read(con, source, {name: infer.declarable(kind) for name, kind in delivered.items()})
    found = {}
    for name, kind in delivered.items():
        if kind == UNTYPED:
            found[name] = infer.type_of(con, RELATION, name, infer.WRITTEN_TYPES)
        elif kind == "VARCHAR":
            found[name] = infer.type_of(con, RELATION, name, infer.MOMENTS)
        else:
            found[name] = infer.declarable(kind)
    return found


def _convert(con: duckdb.DuckDBPyConnection, commas: Sequence[str]) -> None:
    """Let the relation hold numbers where the file has text with a decimal comma."""
    if commas:
        made = ", ".join(f"{as_double(quote(name))} AS {quote(name)}" for name in commas)
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {RELATION} AS"
            f" SELECT * REPLACE ({made}) FROM temp.{RELATION}"
        )


def _read(con: duckdb.DuckDBPyConnection, source: Files, types: dict[str, str]) -> int:
    """Store the rows as the platform would load them; return how many it would reject."""
    table = RawTable(
        description="",
        source={},
        columns={name: Declared(type=kind) for name, kind in types.items()},
    )
    path = source.paths[0]
    try:
        return load(con, source, table, path, RELATION).rejected_rows
    except DataError as fault:
        # The file is its own table's name here.
        fact = fault.fact.removeprefix(f"{path}: ")
        raise DataError(fact if path in fact else fault.fact, fault.hint) from fault
