"""JSON lines: one object per line, values as text with the type they mostly have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb

from ml_assets.errors import DataError
from ml_assets.sources.base import UNTYPED, Delivery, Part
from ml_assets.sources.select import paths_sql
from ml_assets.sql.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml_assets.sources.unpack import Plain

PLAIN = "compression='uncompressed', hive_partitioning=false"
STRINGS = frozenset({"DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "UUID"})
"""What DuckDB makes of strings that look like it."""


def offer(
    con: duckdb.DuckDBPyConnection, files: Sequence[Plain], into: str, columns: Sequence[str]
) -> Delivery:
    """Create the temporary view `into` over `files`; a line that is no object fails the read."""
    parts = tuple(_part(con, file) for file in files)
    types = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in columns)
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW {quote(into)} AS SELECT * FROM read_json({paths_sql(files)},"
        f" columns={{{types}}}, format='newline_delimited', records=true, {PLAIN})"
    )
    return Delivery(into, parts)


def _part(con: duckdb.DuckDBPyConnection, file: Plain) -> Part:
    path = literal(str(file.path))
    try:
        keys = con.execute(
            "SELECT DISTINCT unnest(json_keys(json)) FROM read_ndjson_objects("
            f"{path}, {PLAIN}) ORDER BY ALL"
        ).fetchall()
        types = con.execute(
            f"DESCRIBE SELECT * FROM read_json({path}, format='newline_delimited', records=true,"
            f" maximum_depth=2, map_inference_threshold=-1, field_appearance_threshold=0, {PLAIN})"
        ).fetchall()
    except (duckdb.InvalidInputException, duckdb.BinderException) as error:
        raise _malformed(file, error) from error
    if not keys:
        raise DataError(f"{file.name} holds no row.", "Fetch the file again.")
    known = {name: _type(type_) for name, type_, *_ in types}
    return Part(file.name, {key: known.get(key, UNTYPED) for (key,) in keys})


def _type(inferred: str) -> str:
    if inferred == "JSON":
        return UNTYPED
    return "VARCHAR" if inferred in STRINGS else inferred


def _malformed(file: Plain, error: duckdb.Error) -> DataError:
    if _is_blank(file.path):
        return DataError(f"{file.name} holds no row.", "Fetch the file again.")
    fault = _first_fault(file.path)
    if fault is None:
        return DataError(
            f"{file.name} cannot be read as JSON lines ({str(error).splitlines()[0]}).",
            "Deliver one JSON object per line.",
        )
    line, text = fault
    return DataError(
        f"{file.name}, line {line} is no JSON object: {text!r}.",
        "Deliver one JSON object per line as UTF-8; a cut last line means a truncated file.",
    )


def _is_blank(path: Path) -> bool:
    with path.open("rb") as lines:
        return not any(line.strip() for line in lines)


def _first_fault(path: Path) -> tuple[int, str] | None:
    # Only after a failure: DuckDB's line numbers are one off, and which line matters.
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                is_object = not line.strip() or isinstance(json.loads(line), dict)
            except ValueError:
                is_object = False
            if not is_object:
                return number, line[:80].decode("utf-8", errors="replace").rstrip("\n")
    return None
