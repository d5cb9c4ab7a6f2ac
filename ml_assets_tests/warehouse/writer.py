"""A process that writes to the lake `flights` again and again, for tests that kill or race it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ml_assets.warehouse.commit import Committed, commit
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.ledger import Slice, record
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.slices import content_hash, ensure_table, replace_slices

if TYPE_CHECKING:
    import duckdb

COLUMNS = {"id": "BIGINT", "version": "BIGINT", "note": "VARCHAR"}
ROWS = 30_000


def write(
    con: duckdb.DuckDBPyConnection, version: int, partition: str, tables: tuple[str, ...]
) -> Committed[None]:
    """Replace the slice `partition` of every table of layer raw in one transaction."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT range AS id, {version} AS version,"
        f" md5(range::VARCHAR) AS note FROM range({ROWS})"
    )

    def work() -> None:
        for table in tables:
            ensure_table(con, "flights", "raw", table, COLUMNS)
            select = f"SELECT *, '{partition}' AS _partition FROM fresh"
            rows = replace_slices(con, "flights", "raw", table, [partition], select)
            built = Slice(
                table=f"raw.{table}",
                partition=partition,
                code_version=str(version),
                data_version=content_hash(con, "FROM fresh", list(COLUMNS)),
                rows_in=rows,
                rows_kept=rows,
                run_id="test",
                built_at=datetime.now(UTC),
            )
            record(con, "flights", [built])

    said: list[str] = []
    return commit(con, "flights", work, message="test", extra={}, on_wait=said.append)


def main(first: int, count: int, partition: str, tables: tuple[str, ...]) -> None:
    """Write `count` versions from `first` on and say on standard output when one is stored."""
    with connect("flights", Settings.from_environment()) as con:
        for version in range(first, first + count):
            write(con, version, partition, tables)
            sys.stdout.write(f"{version}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], tuple(sys.argv[4:]))
