"""Parquet with the types it carries."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import duckdb

from ml_assets.errors import DataError
from ml_assets.sources.base import Delivery, Part
from ml_assets.sources.select import paths_sql, select
from ml_assets.sql.names import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.sources.unpack import Plain

Schema = tuple[tuple[str, str], ...]


def offer(
    con: duckdb.DuckDBPyConnection, files: Sequence[Plain], into: str, columns: Sequence[str]
) -> Delivery:
    """Create the temporary view `into` over `files`, whose columns may differ in order."""
    groups: dict[Schema, list[Plain]] = defaultdict(list)
    for file in files:
        groups[_schema(con, file)].append(file)
    agreed = [column for column in columns if len({dict(s).get(column) for s in groups}) == 1]
    selects = [
        select(columns, dict(schema), _scan(group), agreed) for schema, group in groups.items()
    ]
    con.execute(f"CREATE OR REPLACE TEMP VIEW {quote(into)} AS {' UNION ALL '.join(selects)}")
    parts = (Part(file.name, dict(schema)) for schema, group in groups.items() for file in group)
    return Delivery(into, tuple(parts))


def _scan(files: Sequence[Plain]) -> str:
    return f"read_parquet({paths_sql(files)}, hive_partitioning=false)"


def _schema(con: duckdb.DuckDBPyConnection, file: Plain) -> Schema:
    try:
        rows = con.execute(f"DESCRIBE SELECT * FROM {_scan([file])}").fetchall()
    except duckdb.Error as error:
        raise DataError(
            f"{file.name} is no Parquet file or is truncated ({str(error).splitlines()[0]}).",
            "Fetch the file again.",
        ) from error
    return tuple((name, type_) for name, type_, *_ in rows)
