"""The lake on a Postgres catalog and on S3 storage, against real servers."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from ml_assets.errors import StorageError
from ml_assets.warehouse import turn
from ml_assets.warehouse.commit import commit, snapshot_now
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.ledger import current
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.snapshots import maintain
from ml_assets_tests.warehouse.writer import ROWS, write

COUNT = "SELECT count(*), min(version), max(version) FROM flights.raw.t WHERE _partition = ?"


@pytest.fixture
def on_postgres(settings: Settings, postgres: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ML_ASSETS_CATALOG", f"postgres:{postgres}")
    return Settings.from_environment()


@pytest.fixture
def on_s3(settings: Settings, s3: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ML_ASSETS_STORAGE", f"{s3}/warehouse")
    return Settings.from_environment()


def prove(settings: Settings) -> None:
    """Write, read a snapshot after later changes, read while writing, maintain."""
    with connect("flights", settings) as con:
        first = write(con, 1, "2013-01", ("t",))
        write(con, 2, "2013-01", ("t",))
        write(con, 1, "2013-02", ("t",))
        con.begin()
        con.execute("DELETE FROM flights.raw.t")
        with connect("flights", settings, read_only=True) as reader:
            assert reader.execute(COUNT, ["2013-01"]).fetchone() == (ROWS, 2, 2)
        con.rollback()
        assert [s.code_version for s in current(con, "flights")] == ["2", "1"]
    with connect("flights", settings, snapshot=first.snapshot_after) as con:
        assert con.execute(COUNT, ["2013-01"]).fetchone() == (ROWS, 1, 1)
    with connect("flights", settings) as con:
        done = maintain(con, "flights", timedelta(0), in_flight=timedelta(0), on_wait=pytest.fail)
        assert first.snapshot_after in done.expired
        assert done.removed_files >= 1
        assert con.execute(COUNT, ["2013-01"]).fetchone() == (ROWS, 2, 2)
    with (
        pytest.raises(StorageError, match="has expired"),
        connect("flights", settings, snapshot=first.snapshot_after),
    ):
        pass


@pytest.mark.slow
def test_postgres_catalog(on_postgres: Settings) -> None:
    prove(on_postgres)


def test_s3_storage(on_s3: Settings) -> None:
    prove(on_s3)
    assert not (on_s3.data / "lake" / "flights").exists()


def test_postgres_catalog_and_s3_storage(
    on_postgres: Settings, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(replace(on_postgres, storage=f"{s3}/shared"))


def test_one_database_holds_several_pipelines(on_postgres: Settings) -> None:
    for pipeline in ("flights", "taxi"):
        with connect(pipeline, on_postgres) as con:
            con.execute(f"CREATE TABLE {pipeline}.raw.t AS SELECT '{pipeline}' AS name")
    for pipeline in ("flights", "taxi"):
        with connect(pipeline, on_postgres, read_only=True) as con:
            assert con.execute(f"FROM {pipeline}.raw.t").fetchall() == [(pipeline,)]


def test_processes_that_fill_the_same_new_slice_leave_it_once(on_postgres: Settings) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-m", "ml_assets_tests.warehouse.writer", "1", "3", "2013-01", "t"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in writers:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    with connect("flights", on_postgres, read_only=True) as con:
        assert con.execute(COUNT, ["2013-01"]).fetchone() == (ROWS, 3, 3)


def test_writers_on_postgres_take_turns_and_a_dead_one_frees_its_turn(
    on_postgres: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    holding = (
        "import sys, time; from ml_assets.warehouse.lake import connect;"
        "from ml_assets.warehouse.settings import Settings;"
        "from ml_assets.warehouse.turn import turn\n"
        "with connect('flights', Settings.from_environment()) as con:\n"
        "    with turn(con, 'flights', print):\n"
        "        print('held', flush=True)\n"
        "        time.sleep(60)\n"
    )
    said: list[str] = []
    with connect("flights", on_postgres) as con:
        holder = subprocess.Popen(
            [sys.executable, "-c", holding], stdout=subprocess.PIPE, text=True
        )
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        monkeypatch.setattr(turn, "LONGEST_TURN", 0.2)
        with pytest.raises(StorageError, match="another machine or process has been writing"):
            commit(con, "flights", lambda: 1, message="m", extra={}, on_wait=said.append)
        assert said == [
            "flights waits for another machine or process, which is writing to the lake"
        ]
        monkeypatch.setattr(turn, "LONGEST_TURN", 10)
        holder.kill()
        holder.communicate()
        commit(con, "flights", lambda: 1, message="m", extra={}, on_wait=said.append)
        assert snapshot_now(con, "flights") > 0


def test_an_unreachable_server_is_named_without_its_password(settings: Settings) -> None:
    away = replace(settings, catalog="host=127.0.0.1 port=1 password=hush dbname=lake")
    with pytest.raises(StorageError, match="port=1 password=") as caught, connect("flights", away):
        pass
    assert "hush" not in str(caught.value)
    assert "ML_ASSETS_CATALOG" in caught.value.hint


def test_missing_credentials_are_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with (
        pytest.raises(StorageError, match="AWS_ACCESS_KEY_ID is not set"),
        connect("flights", replace(settings, storage="s3://lake/x")),
    ):
        pass
