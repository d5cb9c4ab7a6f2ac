"""The MLflow store behind a tracking URI: created whole or not at all, probed before use."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ml_assets.errors import TrackingError
from ml_assets.registry.faults import plain_faults
from ml_assets.registry.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow import MlflowClient

WAIT_SECONDS = 15.0
"""How long to wait for another writer before the store counts as locked."""
_LOCK_KEY = 7_305_526
_SCHEMA_TABLE = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"


@contextmanager
def connected(tracking_uri: str) -> Iterator[MlflowClient]:
    """Give a client of the store; failures of the store inside the block are TrackingErrors."""
    with quiet(), plain_faults(tracking_uri):
        prepare(tracking_uri)
        from mlflow import MlflowClient

        yield MlflowClient(tracking_uri, tracking_uri)


def prepare(tracking_uri: str) -> None:
    """Create the store if there is none, and raise TrackingError if it cannot be written."""
    with quiet(), plain_faults(tracking_uri):
        path = sqlite_path(tracking_uri)
        if path is None:
            _prepare_server(tracking_uri)
            return
        if not path.exists():
            _create(path)
        _probe(path)


def prepare_early(tracking_uri: str) -> subprocess.Popen[bytes] | None:
    """Begin creating a store that does not exist yet, in a process of its own; None if it does.

    Nobody needs to wait for it: whoever comes first to `prepare` creates the store.
    """
    path = sqlite_path(tracking_uri)
    if path is None or path.exists():
        return None
    code = f"from {__name__} import prepare; prepare({tracking_uri!r})"
    silent = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-c", code], stdout=silent, stderr=silent)  # noqa: S603


def disconnect() -> None:
    """Close this process's idle connections to all stores, before their files are replaced."""
    for kind in ("tracking", "model_registry"):
        module = sys.modules.get(f"mlflow.store.{kind}.sqlalchemy_store")
        engines = {} if module is None else module.SqlAlchemyStore._engine_map  # noqa: SLF001
        for engine in engines.values():
            engine.dispose()


def sqlite_path(tracking_uri: str) -> Path | None:
    """Return the file of a SQLite store, None for any other."""
    if not tracking_uri.startswith("sqlite:///"):
        return None
    return Path(tracking_uri.removeprefix("sqlite:///").partition("?")[0])


def _create(path: Path) -> None:
    """Migrate a file of another name, then link it: MLflow's own migration in place is not safe.

    Killed in the middle, or run by two processes at once, it leaves a store that never opens.
    """
    from mlflow import MlflowClient

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=path.parent) as folder:
        new = Path(folder) / path.name
        MlflowClient(f"sqlite:///{new}").search_experiments(max_results=1)
        if not path.exists():
            _link(new, path)


def _link(new: Path, path: Path) -> None:
    try:
        os.link(new, path)
    except FileExistsError:
        return  # Another process was first; its store is as good.


def _probe(path: Path) -> None:
    """Write and roll back, because MLflow would retry for minutes and then hide the cause.

    A write lock is not enough: SQLite gives it on a file it cannot write.
    """
    with closing(sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        if not connection.execute(_SCHEMA_TABLE).fetchone():
            raise TrackingError(
                f"The file {path} holds no MLflow store.",
                "Move it away to begin a new store, or set another tracking URI.",
            )
        connection.execute("UPDATE alembic_version SET version_num = version_num")
        connection.execute("ROLLBACK")


@lru_cache
def _prepare_server(tracking_uri: str) -> None:
    """Reach a database server once, and let one process at a time create its tables."""
    from mlflow import MlflowClient
    from sqlalchemy import create_engine, text

    if not tracking_uri.startswith("postgresql"):
        return
    engine = create_engine(tracking_uri)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK_KEY})
        MlflowClient(tracking_uri).search_experiments(max_results=1)
    engine.dispose()
