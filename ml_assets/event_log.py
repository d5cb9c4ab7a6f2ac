"""Dagster's event log in SQLite files, where storing events at once costs one commit per file.

The storage that comes with Dagster makes engines and transactions for each event, several of them
for a materialization or a check, so that the events of a small table take longer than its work.
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa
from dagster import DagsterEventType
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from dagster import DagsterInstance, EventLogEntry
    from dagster._serdes import ConfigurableClassData

ENGINES = 16
"""Kept at once: a run writes to its own file and the index, a server looks at a few runs."""
APART = 0.002
"""Seconds between two materializations."""
BATCH = "DAGSTER_EVENT_BATCH_SIZE"
"""Dagster hands over several events at once only if this says how many."""


@lru_cache(maxsize=ENGINES)
def _engine(url: str) -> sa.Engine:
    """Return the engine of a file: it keeps compiled statements, but no connection open."""
    wait = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
    engine = sa.create_engine(url, poolclass=NullPool, connect_args=wait)
    sa.event.listen(engine, "connect", _sync_once)
    return engine


def _sync_once(connection: sqlite3.Connection, _record: object) -> None:
    # A commit syncs no more; the checkpoint does when the connection closes, right after it.
    connection.execute("PRAGMA synchronous = NORMAL")


def _apart(events: Sequence[EventLogEntry]) -> list[EventLogEntry]:
    """Return the events with time between materializations, none of them in the future.

    Dagster's UI lists one event of an asset per millisecond; the events of a batch share one.
    """
    found, bound = [], float("inf")
    for event in reversed(events):
        if event.dagster_event_type is DagsterEventType.ASSET_MATERIALIZATION:
            moment = min(event.timestamp, bound)
            found.append(event._replace(timestamp=moment))
            bound = moment - APART
        else:
            found.append(event)
    return found[::-1]


class SqliteEventLog(SqliteEventLogStorage):
    """`SqliteEventLogStorage` with the files and tables it has in the instance's folder.

    To be named as `event_log_storage` in `dagster.yaml`; either class reads what the other wrote.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._batch: dict[str, sa.Connection] | None = None
        os.environ.setdefault(BATCH, "1000")

    def register_instance(self, instance: DagsterInstance) -> None:
        """Open the files: only the instance knows its folder."""
        super().__init__(str(Path(instance.root_directory, "history", "runs")), self._inst_data)
        # The events of a batch take the lock one by one while the batch holds it.
        self._db_lock = threading.RLock()  # type: ignore[assignment]
        super().register_instance(instance)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the schema of its configuration: there is none."""
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, config_value: dict[str, Any]
    ) -> Self:
        """Make the storage of an instance."""
        return cls(inst_data, **config_value)

    def store_event(self, event: EventLogEntry) -> None:
        """Store the event in its run's file and in the index, or in neither if that fails."""
        with self._at_once():
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store all events or, if one fails, none."""
        with self._at_once():
            super().store_event_batch(_apart(events))

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Share a connection per file, committed at the end; within another one do nothing."""
        with self._db_lock:
            if self._batch is not None:
                yield
                return
            with ExitStack() as self._closing:
                self._batch = {}
                try:
                    yield
                    # The run's own file comes first: it has the most events.
                    for connection in self._batch.values():
                        connection.commit()
                finally:
                    self._batch = None

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            if self._batch is None:
                with self._ready(shard).begin() as connection:
                    yield connection
            else:
                if shard not in self._batch:
                    opened = self._ready(shard).connect()
                    self._batch[shard] = self._closing.enter_context(opened)
                yield self._batch[shard]

    def _ready(self, shard: str) -> sa.Engine:
        engine = _engine(self.conn_string_for_shard(shard))
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        return engine
