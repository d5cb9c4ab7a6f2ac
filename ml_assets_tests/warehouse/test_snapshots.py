from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import StorageError
from ml_assets.warehouse.commit import commit
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.slices import content_hash
from ml_assets.warehouse.snapshots import (
    Maintained,
    current_snapshot,
    maintain,
    protect,
    protected,
    release,
)
from ml_assets_tests.warehouse.writer import COLUMNS, write

if TYPE_CHECKING:
    import duckdb

    from ml_assets.warehouse.settings import Settings

NOW = timedelta(0)


def clean(
    con: duckdb.DuckDBPyConnection, keep: timedelta = NOW, in_flight: timedelta = NOW
) -> Maintained:
    return maintain(con, "flights", keep, in_flight=in_flight, on_wait=pytest.fail)


def version(con: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return con.execute("SELECT DISTINCT version FROM flights.raw.t").fetchall()


def parquet_bytes(settings: Settings) -> int:
    folder = Path(settings.storage_path("flights"))
    return sum(file.stat().st_size for file in folder.rglob("*.parquet"))


def test_protection_is_remembered_with_its_owners(lake: duckdb.DuckDBPyConnection) -> None:
    for snapshot, owner in ((3, "version 2"), (1, "version 1"), (3, "version 1"), (3, "version 2")):
        protect(lake, "flights", snapshot, owner)
    assert protected(lake, "flights") == {1: ("version 1",), 3: ("version 1", "version 2")}


def test_what_nobody_keeps_any_more_is_released(lake: duckdb.DuckDBPyConnection) -> None:
    for snapshot, owner in ((1, "version 1"), (2, "version 1"), (2, "it's mine"), (3, "version 3")):
        protect(lake, "flights", snapshot, owner)
    release(lake, "flights", [])
    release(lake, "flights", ["version 2", "version 3"])
    assert protected(lake, "flights") == {1: ("version 1",), 2: ("it's mine", "version 1")}
    release(lake, "flights", ["version 1"])
    assert protected(lake, "flights") == {2: ("it's mine",)}
    release(lake, "flights", ["it's mine"])
    assert protected(lake, "flights") == {}


def test_the_space_of_replaced_slices_comes_back(
    lake: duckdb.DuckDBPyConnection, settings: Settings
) -> None:
    write(lake, 0, "2013-01", ("t",))
    one = parquet_bytes(settings)
    for number in range(1, 6):
        write(lake, number, "2013-01", ("t",))
    assert parquet_bytes(settings) > 5.5 * one
    done = clean(lake)
    assert done.removed_files >= 5
    assert parquet_bytes(settings) < 1.1 * one
    assert version(lake) == [(5,)]


def test_a_protected_snapshot_reads_the_same_after_maintenance(
    lake: duckdb.DuckDBPyConnection, settings: Settings
) -> None:
    for partition in ("2013-01", "2013-02"):
        write(lake, 1, partition, ("t",))
    kept = current_snapshot(lake, "flights")
    hashed = content_hash(lake, "FROM flights.raw.t", list(COLUMNS))
    protect(lake, "flights", kept, "version 1")
    for number in (2, 3):
        write(lake, number, "2013-01", ("t",))
        # Small appends leave small files, which are merged.
        commit(
            lake,
            "flights",
            lambda: lake.execute(
                "INSERT INTO flights.raw.t SELECT range, 0, 'x', '2013-02' FROM range(100)"
            ),
            message="append",
            extra={},
            on_wait=pytest.fail,
        )
        done = clean(lake)
        assert kept not in done.expired
    with connect("flights", settings, snapshot=kept) as con:
        assert content_hash(con, "FROM flights.raw.t", list(COLUMNS)) == hashed
    with (
        pytest.raises(StorageError, match="has expired"),
        connect("flights", settings, snapshot=kept - 1),
    ):
        pass


def test_young_snapshots_and_files_stay(
    lake: duckdb.DuckDBPyConnection, settings: Settings
) -> None:
    for number in range(3):
        write(lake, number, "2013-01", ("t",))
    size = parquet_bytes(settings)
    done = clean(lake, keep=timedelta(hours=1))
    assert done.expired == ()
    assert clean(lake, in_flight=timedelta(hours=1)).removed_files == 0
    assert parquet_bytes(settings) >= size


def test_files_that_a_killed_writer_left_are_removed(
    lake: duckdb.DuckDBPyConnection, settings: Settings
) -> None:
    write(lake, 1, "2013-01", ("t",))
    orphan = Path(settings.storage_path("flights")) / "raw" / "t" / "orphan.parquet"
    orphan.write_bytes(b"half a file")
    assert clean(lake, keep=timedelta(days=1)).removed_files == 1
    assert not orphan.exists()
    assert version(lake) == [(1,)]


def test_maintenance_of_a_clean_lake_does_nothing(lake: duckdb.DuckDBPyConnection) -> None:
    clean(lake)
    assert clean(lake).removed_files == 0
