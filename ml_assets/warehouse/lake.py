"""Connect to a pipeline's lake: DuckDB in memory with the DuckLake attached under its name."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from ml_assets.errors import StorageError
from ml_assets.sql.names import literal, quote
from ml_assets.warehouse import extensions, layout, s3
from ml_assets.warehouse.faults import disk_full, retried, shown
from ml_assets.warehouse.settings import Settings, without_password

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_TIMEOUT = 5000
"""Milliseconds that SQLite itself waits for a lock."""
_log = logging.getLogger(__name__)


@contextmanager
def connect(
    pipeline: str, settings: Settings, *, read_only: bool = False, snapshot: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection that reads instants in UTC and is always closed.

    With `snapshot` the lake is read-only and as that snapshot left it.
    """
    con = _memory(settings)
    try:
        attach(con, pipeline, settings, read_only=read_only, snapshot=snapshot)
        yield con
    finally:
        con.close()


def attach(
    con: duckdb.DuckDBPyConnection,
    pipeline: str,
    settings: Settings,
    *,
    read_only: bool = False,
    snapshot: int | None = None,
) -> None:
    """Attach the lake of `pipeline` under its name; a writable one is created or upgraded."""
    writable = not read_only and snapshot is None
    _prepare(con, pipeline, settings, writable=writable)
    try:
        retried(
            lambda: con.execute(_statement(pipeline, settings, snapshot, writable=writable)),
            what=f"{pipeline}: opening the lake",
            on_wait=_log.info,
        )
    except duckdb.Error as error:
        raise _fault(con, pipeline, settings, snapshot, error) from error
    if writable:
        layout.ensure(con, pipeline, _log.info)
    else:
        layout.require(con, pipeline, older=snapshot is not None)


def _memory(settings: Settings) -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": settings.threads,
        "temp_directory": str(settings.data / "tmp"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        # Checking a signature takes 0.2 s of processor time, for each extension of each connection.
        "allow_unsigned_extensions": True,
    }
    if settings.memory:
        config["memory_limit"] = settings.memory
    con = duckdb.connect(":memory:", config=config)
    con.execute("SET GLOBAL TimeZone = 'UTC'")
    # DuckDB takes a run that the UI launches for a person at a prompt.
    con.execute("SET enable_progress_bar = false")
    return con


def _prepare(
    con: duckdb.DuckDBPyConnection, pipeline: str, settings: Settings, *, writable: bool
) -> None:
    file = settings.catalog_file(pipeline)
    extensions.load(con, "ducklake", "postgres_scanner" if file is None else "sqlite_scanner")
    storage = settings.storage_path(pipeline)
    if storage.startswith("s3://"):
        extensions.load(con, "httpfs")
        s3.allow(con, settings.storage or storage)
    extensions.trust_no_other(con)
    if file is None:
        return
    if writable:
        _make_folder(file.parent, pipeline)
    elif not file.is_file():
        raise layout.no_data(pipeline)


def _make_folder(folder: Path, pipeline: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{pipeline}: the folder {folder} cannot be created ({error.strerror}).",
            "Make it writable, or point ML_ASSETS_DATA to a folder that is.",
        ) from error


def _statement(pipeline: str, settings: Settings, snapshot: int | None, *, writable: bool) -> str:
    file = settings.catalog_file(pipeline)
    options = [f"DATA_PATH {literal(settings.storage_path(pipeline))}"]
    if file is None:
        catalog = f"postgres:{settings.catalog}"
        options.append(f"METADATA_SCHEMA {literal(pipeline)}")
    else:
        catalog = f"sqlite:{file}"
        options += ["META_JOURNAL_MODE 'WAL'", f"META_BUSY_TIMEOUT {BUSY_TIMEOUT}"]
    if file is not None and settings.storage is None:
        # Catalog and files lie side by side, so the folder may be moved as a whole.
        options.append("OVERRIDE_DATA_PATH true")
    if snapshot is not None:
        options.append(f"SNAPSHOT_VERSION {snapshot:d}")
    if not writable:
        options.append("READ_ONLY")
    return f"ATTACH {literal('ducklake:' + catalog)} AS {quote(pipeline)} ({', '.join(options)})"


def _fault(
    con: duckdb.DuckDBPyConnection,
    pipeline: str,
    settings: Settings,
    snapshot: int | None,
    error: duckdb.Error,
) -> StorageError:
    text = str(error)
    where = str(settings.catalog_file(pipeline) or without_password(settings.catalog or ""))
    if snapshot is not None and "No snapshot found" in text:
        return _gone(con, pipeline, settings, snapshot)
    if "creating a new DuckLake is explicitly disabled" in text:
        return layout.no_data(pipeline)
    if "does not match existing data path" in text:
        return StorageError(
            f"{pipeline}: {shown(error)}",
            "Set ML_ASSETS_STORAGE to the path in the catalog, or ML_ASSETS_CATALOG to another.",
        )
    return disk_full(error, f"{pipeline}: opening the lake", where) or StorageError(
        f"{pipeline}: the catalog {where} cannot be opened ({shown(error)}).",
        "Check ML_ASSETS_CATALOG and ML_ASSETS_DATA, and that the server or disk can be reached.",
    )


def _gone(
    con: duckdb.DuckDBPyConnection, pipeline: str, settings: Settings, snapshot: int
) -> StorageError:
    con.execute(_statement(pipeline, settings, None, writable=False))
    row = con.execute(
        f"SELECT min(snapshot_id), max(snapshot_id) FROM {quote(pipeline)}.snapshots()"
    ).fetchone()
    oldest, newest = row or (None, None)
    if newest is not None and snapshot > newest:
        return StorageError(
            f"{pipeline} has no snapshot {snapshot}; the newest is {newest}.",
            "Check that the data folder or catalog is the one that the snapshot was taken in.",
        )
    return StorageError(
        f"Snapshot {snapshot} of {pipeline} has expired; kept are snapshots {oldest} to {newest}"
        " that are young enough or protected.",
        "What was read from it cannot be rebuilt; use a protected snapshot (a champion's always"
        " is) or build again from today's data.",
    )
