"""A table's slices: the whole table, or one partition of it, replaced within a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.sql.names import columns as column_list
from ml_assets.sql.names import literal, qualified, quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

PARTITION = "_partition"


def ensure_table(
    con: duckdb.DuckDBPyConnection,
    pipeline: str,
    schema: str,
    table: str,
    columns: Mapping[str, str],
    *,
    partitioned: bool = True,
) -> None:
    """Give the table these columns (name to type) and `_partition`, in the open transaction.

    When they changed, an unpartitioned table is made anew and a partitioned one altered: slices
    built before have NULL in new and retyped columns until they are built again.
    """
    wanted = _normalised(con, {**columns, PARTITION: "VARCHAR"})
    found = stored_columns(con, pipeline, schema, table)
    name = qualified(pipeline, schema, table)
    if found == wanted:
        return
    if found is not None and partitioned:
        _alter(con, name, found, wanted)
        return
    if found is not None:
        con.execute(f"DROP TABLE {name}")
    listed = ", ".join(f"{quote(column)} {kind}" for column, kind in wanted.items())
    con.execute(f"CREATE TABLE {name} ({listed})")
    if partitioned:
        con.execute(f"ALTER TABLE {name} SET PARTITIONED BY ({quote(PARTITION)})")


def replace_slices(
    con: duckdb.DuckDBPyConnection,
    pipeline: str,
    schema: str,
    table: str,
    partitions: Sequence[str | None],
    select: str,
) -> int:
    """Put the rows of `select` in place of the slices', in the open transaction; return how many.

    `select` gives every column and `_partition`, in any order, of no other slices. A table is
    either whole (the one partition None) or partitioned: the rows of the other kind go too.
    """
    name, own = qualified(pipeline, schema, table), quote(PARTITION)
    keys = ", ".join(literal(key) for key in partitions if key is not None)
    where = f" WHERE {own} IN ({keys}) OR {own} IS NULL" if keys else ""
    con.execute(f"DELETE FROM {name}{where}")
    row = con.execute(f"INSERT INTO {name} BY NAME {select}").fetchone()
    return 0 if row is None else int(row[0])


def content_hash(con: duckdb.DuckDBPyConnection, relation_sql: str, columns: Sequence[str]) -> str:
    """Return the rows' count and sum of 64-bit hashes in hex, whatever their order.

    `relation_sql` is a SELECT (or FROM ...) and `columns` are hashed in the order given; values of
    another DuckDB version may hash differently.
    """
    row = con.execute(f"SELECT {_hash_sql(columns)} FROM ({relation_sql})").fetchone()
    return _hashed(*(row or (0, 0)))


def content_hashes(
    con: duckdb.DuckDBPyConnection, relation_sql: str, columns: Sequence[str]
) -> dict[str | None, str]:
    """Return the `content_hash` of each `_partition` that has rows."""
    own = quote(PARTITION)
    rows = con.execute(
        f"SELECT {own}, {_hash_sql(columns)} FROM ({relation_sql}) GROUP BY {own}"
    ).fetchall()
    return {partition: _hashed(count, total) for partition, count, total in rows}


def rows_hashed(content: str) -> int:
    """Return how many rows a content hash is of."""
    return int(content.partition("-")[0], 16)


def _hash_sql(columns: Sequence[str]) -> str:
    return f"count(*), coalesce(sum(hash({column_list(list(columns))})::HUGEINT), 0)"


def _hashed(count: int, total: int) -> str:
    return f"{count:x}-{int(total):x}"


NO_ROWS = _hashed(0, 0)
"""The content hash of an empty slice."""


def stored_columns(
    con: duckdb.DuckDBPyConnection, pipeline: str, schema: str, table: str
) -> dict[str, str] | None:
    """Return the stored table's columns (name to type) in order; None when there is no table."""
    rows = con.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = ?"
        " AND schema_name = ? AND table_name = ? ORDER BY column_index",
        [pipeline, schema, table],
    ).fetchall()
    return dict(rows) or None


def _normalised(con: duckdb.DuckDBPyConnection, columns: Mapping[str, str]) -> dict[str, str]:
    listed = ", ".join(f"NULL::{kind} AS {quote(name)}" for name, kind in columns.items())
    rows = con.execute(f"DESCRIBE SELECT {listed}").fetchall()
    return {str(row[0]): str(row[1]) for row in rows}


def _alter(
    con: duckdb.DuckDBPyConnection, name: str, found: dict[str, str], wanted: dict[str, str]
) -> None:
    for column, kind in found.items():
        if wanted.get(column) != kind:
            con.execute(f"ALTER TABLE {name} DROP COLUMN {quote(column)}")
    for column, kind in wanted.items():
        if found.get(column) != kind:
            con.execute(f"ALTER TABLE {name} ADD COLUMN {quote(column)} {kind}")
