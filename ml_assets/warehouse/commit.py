"""One transaction on the lake: everything in it is stored, or nothing is."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import duckdb

from ml_assets.sql.names import quote
from ml_assets.warehouse.faults import OnWait, disk_full, retried
from ml_assets.warehouse.turn import catalog_path, turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")
AUTHOR = "ml_assets"


@dataclass(frozen=True)
class Committed(Generic[T]):
    """What a transaction returned, the snapshot it read and the one it made."""

    value: T
    snapshot_before: int
    snapshot_after: int
    """Equal to `snapshot_before` when nothing was changed."""


def commit(
    con: duckdb.DuckDBPyConnection,
    pipeline: str,
    work: Callable[[], T],
    *,
    message: str,
    extra: Mapping[str, object],
    on_wait: OnWait,
    prepare: Callable[[], object] | None = None,
) -> Committed[T]:
    """Run `work` in one transaction; it may run again, so it must not change anything else.

    `prepare` runs before it and fills temporary tables from the same snapshot, in a transaction of
    its own: where DuckDB made a table, it reads it with one thread. `extra` (such as the Dagster
    run id) is stored as JSON with the snapshot. An exception leaves the lake as it was.
    """
    note = (AUTHOR, message, json.dumps(dict(extra), sort_keys=True))
    try:
        with turn(con, pipeline, on_wait):
            return retried(
                lambda: _attempt(con, pipeline, prepare, work, note),
                what=f"{pipeline}: {message}",
                on_wait=on_wait,
            )
    except duckdb.Error as error:
        fault = disk_full(error, f"{pipeline}: {message}", catalog_path(con, pipeline))
        if fault is None:
            raise
        raise fault from error


def snapshot_now(con: duckdb.DuckDBPyConnection, pipeline: str) -> int:
    """Return the snapshot that `con` reads: inside a transaction, the one it began with."""
    return _number(con, f"FROM {quote(pipeline)}.current_snapshot()") or 0


def _attempt(
    con: duckdb.DuckDBPyConnection,
    pipeline: str,
    prepare: Callable[[], object] | None,
    work: Callable[[], T],
    note: tuple[str, ...],
) -> Committed[T]:
    lake = quote(pipeline)
    prepared = None
    if prepare is not None:
        with _transaction(con):
            prepared = snapshot_now(con, pipeline)
            prepare()
    with _transaction(con):
        before = snapshot_now(con, pipeline)
        if prepared is not None and before != prepared:
            # Only who writes without its turn gets in between; what was read is out of date.
            raise duckdb.TransactionException(
                f"Transaction conflict: snapshot {before} was made since {prepared} was read"
            )
        value = work()
        con.execute(f"CALL {lake}.set_commit_message(?, ?, extra_info => ?)", note)
    after = _number(con, f"FROM {lake}.last_committed_snapshot()")
    return Committed(value, before, max(before, after or 0))


@contextlib.contextmanager
def _transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    con.begin()
    try:
        yield
        con.commit()
    except BaseException:
        # After a failed commit there is no transaction left to roll back.
        with contextlib.suppress(duckdb.TransactionException):
            con.rollback()
        raise


def _number(con: duckdb.DuckDBPyConnection, sql: str) -> int | None:
    row = con.execute(sql).fetchone()
    return None if row is None else row[0]
