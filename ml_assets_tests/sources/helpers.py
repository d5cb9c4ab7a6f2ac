from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from ml_assets.sources.load import load
from ml_assets.sources.resolve import resolve
from ml_assets.sql.tables import RawTable

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.sources.typed import TypedResult

NAME = "raw.flights"


def connect() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": 2})
    con.execute("SET TimeZone = 'UTC'")
    return con


def raw_table(columns: dict[str, Any]) -> RawTable:
    return RawTable(description="Flights", source={}, columns=columns)


def load_file(
    con: duckdb.DuckDBPyConnection, path: Path | str, columns: dict[str, Any], **source: object
) -> TypedResult:
    declaration = {"kind": "files", "path": str(path)} | source
    return load(con, resolve(declaration), raw_table(columns), NAME, "flights")


def rows(con: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[Any, ...]]:
    return con.execute(f"FROM temp.{relation}").fetchall()


def rejected(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute(
        "SELECT _reason, _example FROM temp.flights_rejected ORDER BY ALL"
    ).fetchall()
