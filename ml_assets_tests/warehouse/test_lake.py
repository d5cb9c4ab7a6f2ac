from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import duckdb
import pytest

from ml_assets.errors import StorageError
from ml_assets.sql.names import LAYERS
from ml_assets.warehouse import extensions, layout
from ml_assets.warehouse.commit import snapshot_now
from ml_assets.warehouse.lake import attach, connect

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.warehouse.settings import Settings


def fill(settings: Settings, rows: int = 10) -> int:
    """Put a table of `rows` rows into the lake and return its snapshot."""
    with connect("flights", settings) as con:
        con.execute(
            f"CREATE OR REPLACE TABLE flights.raw.t AS SELECT range AS a FROM range({rows})"
        )
        return snapshot_now(con, "flights")


def count(con: duckdb.DuckDBPyConnection) -> int:
    row = con.execute("SELECT count(*) FROM flights.raw.t").fetchone()
    assert row is not None
    return int(row[0])


def test_the_lake_has_its_layers_and_reads_instants_in_utc(lake: duckdb.DuckDBPyConnection) -> None:
    rows = lake.execute(
        "SELECT schema_name FROM duckdb_schemas() WHERE database_name = 'flights'"
    ).fetchall()
    assert set(LAYERS) <= {name for (name,) in rows}
    assert lake.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)
    assert lake.cursor().execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)


def test_nothing_is_downloaded(lake: duckdb.DuckDBPyConnection) -> None:
    for name in ("autoinstall_known_extensions", "autoload_known_extensions"):
        assert lake.execute(f"SELECT current_setting('{name}')").fetchone() == (False,)


def test_what_duckdbs_makers_have_not_signed_is_not_loaded(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    forged = tmp_path / "httpfs.duckdb_extension"
    # The signature is the last thing in the file.
    forged.write_bytes(extensions._file("httpfs").read_bytes()[:-256] + bytes(256))
    with pytest.raises(duckdb.IOException, match="signature is either missing or invalid"):
        lake.execute(f"LOAD '{forged}'")
    with pytest.raises(duckdb.InvalidInputException, match="while database is running"):
        lake.execute("SET allow_unsigned_extensions = true")


def test_a_run_that_the_ui_launches_has_no_progress_bar_in_its_log(tmp_path: Path) -> None:
    """As in a process that Dagster starts, `__main__` has no file."""
    script = (
        "from ml_assets.warehouse.lake import connect\n"
        "from ml_assets.warehouse.settings import Settings\n"
        "with connect('flights', Settings.from_environment()) as con:\n"
        "    bar = con.execute(\"SELECT current_setting('enable_progress_bar')\").fetchone()\n"
        "raise SystemExit(0 if bar == (False,) else 3)\n"
    )
    environment = {**os.environ, "ML_ASSETS_DATA": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", script], env=environment).returncode == 0


def test_closes_on_an_exception(settings: Settings) -> None:
    with pytest.raises(ValueError, match="stop"), connect("flights", settings) as con:
        raise ValueError("stop")
    with pytest.raises(duckdb.ConnectionException):
        con.execute("SELECT 1")


def test_a_reader_works_while_a_transaction_is_open(settings: Settings) -> None:
    fill(settings)
    with connect("flights", settings) as writer:
        writer.begin()
        writer.execute("DELETE FROM flights.raw.t")
        with connect("flights", settings, read_only=True) as reader:
            assert count(reader) == 10
            writer.execute("INSERT INTO flights.raw.t VALUES (1)")
            writer.commit()
            assert count(reader) == 1


def test_a_reader_cannot_write(settings: Settings) -> None:
    fill(settings)
    with (
        connect("flights", settings, read_only=True) as con,
        pytest.raises(duckdb.InvalidInputException, match="read-only"),
    ):
        con.execute("DROP TABLE flights.raw.t")


def test_reading_a_lake_without_data_says_what_to_do(settings: Settings) -> None:
    with (
        pytest.raises(StorageError, match=r"flights holds no data yet.*make run"),
        connect("flights", settings, read_only=True),
    ):
        pass
    assert not (settings.data / "lake").exists()


def test_a_snapshot_reads_as_it_was(settings: Settings) -> None:
    then = fill(settings, 10)
    with connect("flights", settings) as con:
        con.execute("DELETE FROM flights.raw.t WHERE a < 5")
        con.execute("ALTER TABLE flights.raw.t ADD COLUMN b INTEGER")
        con.execute("DROP TABLE flights.raw.t")
    with connect("flights", settings, snapshot=then) as con:
        assert count(con) == 10
        assert snapshot_now(con, "flights") == then
        with pytest.raises(duckdb.InvalidInputException, match="read-only"):
            con.execute("DELETE FROM flights.raw.t")


def test_an_expired_snapshot_says_so(settings: Settings) -> None:
    then = fill(settings)
    fill(settings)
    with connect("flights", settings) as con:
        con.execute(f"CALL ducklake_expire_snapshots('flights', versions => [{then}])")
    with (
        pytest.raises(StorageError, match=f"Snapshot {then} of flights has expired"),
        connect("flights", settings, snapshot=then),
    ):
        pass


def test_an_unknown_snapshot_says_so(settings: Settings) -> None:
    newest = fill(settings)
    with (
        pytest.raises(StorageError, match=f"flights has no snapshot 999; the newest is {newest}"),
        connect("flights", settings, snapshot=999),
    ):
        pass


def test_another_pipeline_can_be_attached_beside(
    lake: duckdb.DuckDBPyConnection, settings: Settings
) -> None:
    with connect("taxi", settings) as con:
        con.execute("CREATE TABLE taxi.raw.t AS SELECT 1 AS a")
    attach(lake, "taxi", settings, read_only=True)
    assert lake.execute("FROM taxi.raw.t").fetchall() == [(1,)]


def test_the_data_folder_may_be_moved(settings: Settings, tmp_path: Path) -> None:
    fill(settings, 1000)
    shutil.move(settings.data, tmp_path / "elsewhere")
    with connect("flights", replace(settings, data=tmp_path / "elsewhere"), read_only=True) as con:
        assert count(con) == 1000


def test_another_storage_than_the_catalogs_is_refused(settings: Settings, tmp_path: Path) -> None:
    fill(settings)
    with (
        pytest.raises(StorageError, match="Set ML_ASSETS_STORAGE to the path in the catalog"),
        connect("flights", replace(settings, storage=str(tmp_path / "other"))),
    ):
        pass


NEWEST = len(layout.UPGRADES)


def test_a_newer_layout_is_refused(settings: Settings) -> None:
    with connect("flights", settings) as con:
        con.execute("INSERT INTO flights.ops.lake_version VALUES (99, now())")
    for read_only in (False, True):
        with (
            pytest.raises(
                StorageError, match=rf"layout 99, newer than {NEWEST}.*Upgrade ml-assets"
            ),
            connect("flights", settings, read_only=read_only),
        ):
            pass


def test_an_older_layout_is_upgraded_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = fill(settings)

    def second(con: duckdb.DuckDBPyConnection, pipeline: str) -> None:
        con.execute(f"ALTER TABLE {pipeline}.ops.protected ADD COLUMN why VARCHAR")

    monkeypatch.setattr(layout, "UPGRADES", (*layout.UPGRADES, second))
    told = rf"layout {NEWEST}; this version reads {NEWEST + 1}.*first write upgrades"
    with (
        pytest.raises(StorageError, match=told),
        connect("flights", settings, read_only=True),
    ):
        pass
    with connect("flights", settings, snapshot=then) as con:
        assert count(con) == 10
    for _ in range(2):
        with connect("flights", settings) as con:
            con.execute("SELECT why FROM flights.ops.protected")
            versions = con.execute("SELECT version FROM flights.ops.lake_version").fetchall()
            assert sorted(versions) == [(number,) for number in range(1, NEWEST + 2)]


def test_a_lake_of_the_first_layout_gets_the_loops_ledgers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(layout, "UPGRADES", layout.UPGRADES[:1])
        then = fill(settings)
    with connect("flights", settings) as con:
        for ledger in ("decisions", "promotions", "resets"):
            assert con.execute(f"SELECT count(*) FROM flights.ops.{ledger}").fetchone() == (0,)
        assert count(con) == 10
    with connect("flights", settings, snapshot=then) as con:
        assert count(con) == 10


def test_a_file_that_is_no_catalog_is_named(settings: Settings) -> None:
    file = settings.catalog_file("flights")
    assert file is not None
    file.parent.mkdir(parents=True)
    file.write_text("not a database " * 100)
    with (
        pytest.raises(StorageError, match=f"{file} cannot be opened"),
        connect("flights", settings),
    ):
        pass


def test_a_data_folder_that_cannot_be_made_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    wrong = replace(settings, data=tmp_path / "file" / "data")
    with (
        pytest.raises(StorageError, match=f"{tmp_path}/file/data/lake cannot be created"),
        connect("flights", wrong),
    ):
        pass
