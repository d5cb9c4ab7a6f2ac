"""A read-only connection for notebooks and queries, with the tables under their short names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ml_assets.sql.names import qualified, quote
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection


@contextmanager
def open_lake(pipeline: str, snapshot: int | None = None) -> Iterator[DuckDBPyConnection]:
    """Yield a connection in which `cleaned.weather` is the pipeline's table; nothing can write.

    With `snapshot`, the tables are as that snapshot left them.
    """
    settings = Settings.from_environment()
    with connect(pipeline, settings, read_only=True, snapshot=snapshot) as con:
        tables = con.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?",
            [pipeline],
        ).fetchall()
        for schema, table in tables:
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
            con.execute(
                f"CREATE VIEW {qualified(schema, table)} AS"
                f" FROM {qualified(pipeline, schema, table)}"
            )
        yield con
