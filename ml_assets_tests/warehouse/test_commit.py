from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import duckdb
import pytest

from ml_assets.errors import StorageError
from ml_assets.warehouse import faults, turn
from ml_assets.warehouse.commit import commit, snapshot_now
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.ledger import current
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.slices import content_hash
from ml_assets_tests.warehouse.writer import COLUMNS, ROWS, write

TABLES = ("one", "two")


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts writer processes; none outlives the test."""
    with contextlib.ExitStack() as stack:

        def started(*arguments: object) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", "ml_assets_tests.warehouse.writer", *map(str, arguments)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield started


def stored_version(con: duckdb.DuckDBPyConnection, partition: str = "2013-01") -> int:
    """Return the version that both tables and the ledger agree on."""
    versions = set()
    for table in TABLES:
        rows = con.execute(
            f"SELECT min(version), max(version), count(*) FROM flights.raw.{table}"
            f" WHERE _partition = '{partition}'"
        ).fetchone()
        assert rows is not None
        assert rows[2] == ROWS
        versions |= set(rows[:2])
    slices = {s.table: s for s in current(con, "flights") if s.partition == partition}
    for table in TABLES:
        select = f"FROM flights.raw.{table} WHERE _partition = '{partition}'"
        entry = slices[f"raw.{table}"]
        assert entry.data_version == content_hash(con, select, list(COLUMNS))
        versions.add(int(entry.code_version))
    assert len(versions) == 1
    return int(versions.pop())


def test_stores_everything_with_its_message(lake: duckdb.DuckDBPyConnection) -> None:
    lake.execute("CREATE TEMP TABLE fresh AS SELECT 1 AS a")
    done = commit(
        lake,
        "flights",
        lambda: lake.execute("CREATE TABLE flights.raw.t AS FROM fresh").fetchall(),
        message="raw.t",
        extra={"dagster_run_id": "abc"},
        on_wait=pytest.fail,
    )
    assert done.snapshot_after == done.snapshot_before + 1 == snapshot_now(lake, "flights")
    row = lake.execute(
        "SELECT author, commit_message, commit_extra_info FROM flights.snapshots()"
        f" WHERE snapshot_id = {done.snapshot_after}"
    ).fetchone()
    assert row is not None
    assert row[:2] == ("ml_assets", "raw.t")
    assert json.loads(row[2]) == {"dagster_run_id": "abc"}


def test_nothing_changed_makes_no_snapshot(lake: duckdb.DuckDBPyConnection) -> None:
    done = commit(lake, "flights", lambda: 7, message="m", extra={}, on_wait=pytest.fail)
    assert (done.value, done.snapshot_after) == (7, done.snapshot_before)


def test_an_exception_leaves_the_lake_as_it_was(lake: duckdb.DuckDBPyConnection) -> None:
    def work() -> None:
        lake.execute("CREATE TABLE flights.raw.t AS SELECT 1 AS a")
        raise ValueError("in the middle")

    before = snapshot_now(lake, "flights")
    with pytest.raises(ValueError, match="in the middle"):
        commit(lake, "flights", work, message="m", extra={}, on_wait=pytest.fail)
    assert snapshot_now(lake, "flights") == before
    commit(lake, "flights", lambda: None, message="m", extra={}, on_wait=pytest.fail)


def test_a_foreign_writer_in_between_only_costs_a_retry(
    lake: duckdb.DuckDBPyConnection, settings: Settings
) -> None:
    said: list[str] = []
    attempts: list[int] = []

    def work() -> None:
        lake.execute("CREATE TABLE flights.raw.t AS SELECT 1 AS a")
        if not attempts:
            # A notebook does not take turns.
            with connect("flights", settings) as notebook:
                notebook.execute("CREATE TABLE flights.raw.other (a INTEGER)")
        attempts.append(1)

    commit(lake, "flights", work, message="raw.t", extra={}, on_wait=said.append)
    assert len(attempts) == 2
    assert len(said) == 1
    assert "raw.t waits for another writer (" in said[0]
    assert "database is locked" in said[0]
    assert lake.execute("SELECT count(*) FROM flights.raw.t").fetchone() == (1,)


def test_what_was_prepared_before_a_foreign_write_is_prepared_anew(
    lake: duckdb.DuckDBPyConnection, settings: Settings
) -> None:
    lake.execute("CREATE TABLE flights.raw.source AS SELECT 1 AS a")
    said: list[str] = []
    prepared: list[int] = []

    def prepare() -> None:
        lake.execute("CREATE OR REPLACE TEMP TABLE fresh AS FROM flights.raw.source")
        if not prepared:
            with connect("flights", settings) as notebook:
                notebook.execute("INSERT INTO flights.raw.source VALUES (2)")
        prepared.append(snapshot_now(lake, "flights"))

    done = commit(
        lake,
        "flights",
        lambda: lake.execute("CREATE TABLE flights.raw.t AS FROM fresh").fetchall(),
        message="raw.t",
        extra={},
        on_wait=said.append,
        prepare=prepare,
    )
    assert done.snapshot_before == prepared[1] == prepared[0] + 1
    assert done.snapshot_after == done.snapshot_before + 1
    assert len(said) == 1
    assert f"snapshot {prepared[1]} was made since {prepared[0]} was read" in said[0]
    assert lake.execute("FROM flights.raw.t ORDER BY a").fetchall() == [(1,), (2,)]


def test_an_exception_in_preparing_leaves_no_transaction_open(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    def prepare() -> None:
        lake.execute("CREATE TEMP TABLE fresh AS SELECT 1 AS a")
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        commit(
            lake,
            "flights",
            lambda: None,
            message="m",
            extra={},
            on_wait=pytest.fail,
            prepare=prepare,
        )
    with pytest.raises(duckdb.CatalogException, match="fresh"):
        lake.execute("FROM temp.fresh")
    commit(lake, "flights", lambda: None, message="m", extra={}, on_wait=pytest.fail)


def test_retries_are_bounded(
    lake: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "ATTEMPTS", 2)

    def work() -> None:
        raise duckdb.TransactionException("database is locked")

    with pytest.raises(StorageError, match=r"raw.t gave up after 2 attempts.*database is locked"):
        commit(lake, "flights", work, message="raw.t", extra={}, on_wait=lambda text: None)


def test_waits_for_a_writer_in_its_turn_and_says_so(
    lake: duckdb.DuckDBPyConnection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    inside = threading.Event()

    def slow() -> None:
        inside.set()
        time.sleep(0.3)
        lake.execute("CREATE TABLE flights.raw.t AS SELECT 1 AS a")

    with connect("flights", settings) as other:
        first = threading.Thread(
            target=lambda: commit(
                lake, "flights", slow, message="slow", extra={}, on_wait=said.append
            )
        )
        first.start()
        inside.wait()
        monkeypatch.setattr(turn, "LONGEST_TURN", 0.05)
        with pytest.raises(StorageError, match=r"process \d+ has been writing"):
            commit(other, "flights", lambda: 1, message="m", extra={}, on_wait=said.append)
        monkeypatch.undo()
        done = commit(other, "flights", lambda: 1, message="m", extra={}, on_wait=said.append)
        first.join()
    assert done.value == 1
    assert any("which is writing to the lake" in text for text in said)


def kill_in_the_middle(settings: Settings, start: Start, times: int) -> int:
    """Kill a writer `times` times and return how many files the killed ones left behind."""
    chance = random.Random(times)
    with connect("flights", settings) as con:
        write(con, 0, "2013-01", TABLES)
    version = 0
    for _ in range(times):
        process = start(version + 1, 1000, "2013-01", *TABLES)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.25))
        process.kill()
        process.communicate()
        began = time.monotonic()
        with connect("flights", settings) as con:
            after = stored_version(con)
            assert after > version
            write(con, after + 1, "2013-01", TABLES)
            version = stored_version(con)
        assert version == after + 1
        assert time.monotonic() - began < 5
    with connect("flights", settings) as con:
        orphaned = "ducklake_delete_orphaned_files('flights', older_than => now())"
        left = len(con.execute(f"CALL {orphaned}").fetchall())
        assert stored_version(con) == version
    return left


@pytest.mark.slow
def test_kill_leaves_before_or_after(settings: Settings, start: Start) -> None:
    kill_in_the_middle(settings, start, 3)


@pytest.mark.slow
def test_kill_leaves_before_or_after_20_times(settings: Settings, start: Start) -> None:
    # Files without a commit: some kills did come in the middle of a transaction.
    assert kill_in_the_middle(settings, start, 20) > 0


def race(settings: Settings, start: Start, writers: int, commits: int) -> None:
    """Writers of partitions of the same tables run at once; a reader never fails."""
    with connect("flights", settings) as con:
        write(con, 0, "2013-00", TABLES)
    running = [start(1, commits, f"2013-{number + 1:02d}", *TABLES) for number in range(writers)]
    reads = 0
    with connect("flights", settings, read_only=True) as reader:
        while any(process.poll() is None for process in running):
            assert stored_version(reader, "2013-00") == 0
            with connect("flights", settings, read_only=True) as fresh:
                assert stored_version(fresh, "2013-00") == 0
            reads += 1
        for process in running:
            _, errors = process.communicate()
            assert process.returncode == 0, errors
        for number in range(writers):
            assert stored_version(reader, f"2013-{number + 1:02d}") == commits
    assert reads > 1


@pytest.mark.slow
def test_two_writers_and_a_reader_at_once(settings: Settings, start: Start) -> None:
    race(settings, start, 2, 3)


@pytest.mark.slow
def test_four_writers_and_a_reader_at_once(settings: Settings, start: Start) -> None:
    race(settings, start, 4, 10)


@pytest.mark.slow
def test_four_processes_create_the_lake_at_once(settings: Settings, start: Start) -> None:
    running = [start(1, 1, f"2013-{number + 1:02d}", *TABLES) for number in range(4)]
    for process in running:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    with connect("flights", settings, read_only=True) as con:
        for number in range(4):
            assert stored_version(con, f"2013-{number + 1:02d}") == 1


def test_disk_full_names_the_path_and_changes_nothing(
    small_disk: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_ASSETS_DATA", f"{small_disk}/data")
    monkeypatch.setenv("ML_ASSETS_THREADS", "1")
    with connect("flights", Settings.from_environment()) as con:
        con.execute("CREATE TABLE flights.raw.t (a DOUBLE)")

        def work() -> None:
            con.execute("INSERT INTO flights.raw.t SELECT random() FROM range(2_000_000)")

        with pytest.raises(StorageError, match=rf"raw.t: the disk is full .*{small_disk}/data"):
            commit(con, "flights", work, message="raw.t", extra={}, on_wait=pytest.fail)
        assert con.execute("SELECT count(*) FROM flights.raw.t").fetchone() == (0,)
