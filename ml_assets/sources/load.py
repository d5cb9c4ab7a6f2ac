"""One call for an asset: read a source and type what it delivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.sources.typed import TypedResult, typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.sources.base import Source, Span
    from ml_assets.sql.tables import RawTable


def load(
    con: DuckDBPyConnection,
    source: Source,
    table: RawTable,
    name: str,
    into: str,
    spans: Sequence[Span] | None = None,
) -> TypedResult:
    """Create the temporary tables `into` and `<into>_rejected`; every DataError names the table.

    With `spans` only the rows of these instants are needed.
    """
    try:
        with source.read(con, f"{into}_delivered", tuple(table.columns), spans) as delivery:
            return typed(con, delivery, table, name, into)
    except DataError as fault:
        if fault.fact.startswith(f"{name}: "):
            raise
        raise DataError(f"{name}: {fault.fact}", fault.hint) from fault
