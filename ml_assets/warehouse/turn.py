"""One writer at a time per lake: a lock that the operating system frees when its holder dies.

Writers that overlap would only undo each other: on a SQLite catalog the later commit always fails
with "database is locked", on Postgres two runs could both fill the same empty slice.
"""

from __future__ import annotations

import fcntl
import os
import random
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ml_assets.errors import StorageError
from ml_assets.sql.names import literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import duckdb

    from ml_assets.warehouse.faults import OnWait

LONGEST_TURN = 600.0
"""Seconds after which waiting for another writer is given up."""
_TELL_EVERY = 10.0
WRITING = "writing to the lake"


@contextmanager
def turn(con: duckdb.DuckDBPyConnection, pipeline: str, on_wait: OnWait) -> Iterator[None]:
    """Hold the right to write to `pipeline`'s lake; readers are never kept waiting."""
    catalog = catalog_path(con, pipeline)
    if catalog.startswith("sqlite:"):
        with file_turn(Path(catalog.removeprefix("sqlite:") + ".lock"), pipeline, WRITING, on_wait):
            yield
    else:
        with _postgres_turn(con, pipeline, on_wait):
            yield


def catalog_path(con: duckdb.DuckDBPyConnection, pipeline: str) -> str:
    """Return `sqlite:<file>` or `postgres:<connection string>` of the attached lake."""
    row = con.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = ?", [pipeline]
    ).fetchone()
    if row is None:
        raise StorageError(
            f"The lake of {pipeline} is not attached.", "Use warehouse.lake.connect."
        )
    return str(row[0])


@contextmanager
def file_turn(path: Path, pipeline: str, doing: str, on_wait: OnWait) -> Iterator[None]:
    """Hold the lock file `path` for `doing`, such as "writing to the lake", when it is free."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        for _ in _waiting(pipeline, doing, lambda: _holder(descriptor), on_wait):
            if _locked(descriptor):
                break
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    return f"process {os.pread(descriptor, 20, 0).decode() or 'unknown'}"


@contextmanager
def _postgres_turn(
    con: duckdb.DuckDBPyConnection, pipeline: str, on_wait: OnWait
) -> Iterator[None]:
    call = f"SELECT pg_try_advisory_xact_lock(hashtext({literal('ml_assets ' + pipeline)}))"
    query = f"FROM postgres_query({literal('__ducklake_metadata_' + pipeline)}, {literal(call)})"
    # The lock lives in a Postgres transaction of its own, on a connection of its own.
    with con.cursor() as lock:
        for _ in _waiting(pipeline, WRITING, lambda: "another machine or process", on_wait):
            lock.begin()
            if lock.execute(query).fetchone() == (True,):
                break
            lock.rollback()
        try:
            yield
        finally:
            lock.rollback()


def _waiting(
    pipeline: str, doing: str, holder: Callable[[], str], on_wait: OnWait
) -> Iterator[None]:
    start = time.monotonic()
    told = -_TELL_EVERY
    while True:
        yield
        waited = time.monotonic() - start
        if waited > LONGEST_TURN:
            raise StorageError(
                f"{pipeline}: {holder()} has been {doing} for {waited:.0f} s.",
                "Nothing was changed. Wait for it or stop it, and run again.",
            )
        if waited - told >= _TELL_EVERY:
            on_wait(f"{pipeline} waits for {holder()}, which is {doing}")
            told = waited
        time.sleep(random.uniform(0.005, 0.03))  # noqa: S311 - jitter
