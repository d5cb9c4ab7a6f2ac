"""Files to make pipelines of: orders with every kind of column, and what was wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from ml_assets.scaffold.choose import Said, draft_from
from ml_assets.scaffold.table import Table, read_table

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.scaffold.draft import Draft

ORDERS = """
    SELECT
        range::INTEGER AS order_id,
        TIMESTAMP '2024-01-01 08:00:00' + to_minutes(range * 40) AS placed,
        ['north', 'south', 'west'][(1 + hash(range + 7) % 3)::BIGINT] AS "Region Name",
        (hash(range + 13) % 10000) / 100 AS amount,
        'EUR' AS currency,
        hash(range) % 500 AS customer_id,
        CASE WHEN amount > 60 AND hash(range + 99) % 4 > 0 THEN 'yes' ELSE 'no' END AS late,
        CASE WHEN late = 'yes' THEN 'refund' ELSE 'none' END AS compensation,
        placed + to_hours(30) AS delivered,
        NULL::INTEGER AS empty,
        'note ' || range AS note
    FROM range(4000)
"""
"""An order every 40 minutes for 111 days: late when dear, three times of four."""


def write_orders(path: Path, changed: str = "*", where: str = "true") -> str:
    """Write the orders as CSV or Parquet; `changed` is a star expression. Return the path."""
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT {changed} FROM ({ORDERS}) WHERE {where}) TO '{path}'")
    return str(path)


def write_rows(path: Path, select: str) -> str:
    """Write the rows of `select` as CSV; return the path."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"COPY ({select}) TO '{path}' (HEADER)")
    return str(path)


def opened(con: duckdb.DuckDBPyConnection, path: str) -> Table:
    """Return the table in the file at `path`."""
    con.execute("SET TimeZone = 'UTC'")
    return read_table(con, path)


def drafted(con: duckdb.DuckDBPyConnection, path: str, said: Said) -> Draft:
    """Return the draft of the pipeline `made` that nobody is asked about."""
    return draft_from(con, "made", opened(con, path), said, None)
