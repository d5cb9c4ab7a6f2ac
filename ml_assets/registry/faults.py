"""What an MLflow store says when it fails, as a TrackingError a user can act on."""

from __future__ import annotations

import re
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ml_assets.errors import TrackingError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MESSAGES = (
    (
        "database is locked",
        "The MLflow store {store} stayed locked by another process.",
        "End the process that holds it (an open SQLite shell, a stuck run) and start again.",
    ),
    (
        "readonly database|unable to open database|permission denied|read-only file system"
        "|not a directory|file exists",
        "The MLflow store {store} cannot be written: {reason}.",
        "Make the file and its folder writable, or set another tracking URI.",
    ),
    (
        "disk is full|no space left|disk quota",
        "The MLflow store {store} ran out of disk: {reason}.",
        "Free some space and start again; what was committed before is intact.",
    ),
    (
        "can't load plugin",
        "The MLflow store {store} is of a kind that SQLAlchemy does not know: {reason}.",
        "Correct the tracking URI, as in postgresql+psycopg://, or install what brings that kind.",
    ),
    (
        "not a database|malformed",
        "The MLflow store {store} is damaged or no SQLite file: {reason}.",
        "Restore a backup, or move the file away to begin a new store.",
    ),
)
_REVISION = re.compile(r"found version (\w+)|Can't locate revision identified by '(\w+)'")
_DISTRIBUTIONS = {
    "MySQLdb": "mysqlclient",
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
}
"""Modules of drivers that are installed under another name."""


@contextmanager
def plain_faults(tracking_uri: str) -> Iterator[None]:
    """Raise the store's failures inside the block as TrackingError; let all others pass."""
    try:
        yield
    except _store_errors() as error:
        raise tracking_error(error, tracking_uri) from error
    except ImportError as error:
        if not _lacks_driver(tracking_uri):
            raise
        raise _driver_error(error, tracking_uri) from error


def tracking_error(error: Exception, tracking_uri: str) -> TrackingError:
    """Return the TrackingError for a failure of the store, without the URI's password."""
    text, store = str(error), shown(tracking_uri)
    if found := _REVISION.search(text):
        return _schema_error(found[1] or found[2], store)
    reason = _first_line(text)
    for pattern, fact, hint in _MESSAGES:
        if re.search(pattern, text, re.IGNORECASE):
            return TrackingError(fact.format(store=store, reason=reason), hint)
    return TrackingError(
        f"MLflow refused at {store}: {reason}.", "Check the tracking URI and the store behind it."
    )


def shown(tracking_uri: str) -> str:
    """Return the URI as a message may show it: a local path bare, a password hidden."""
    return re.sub(r"(://[^:/@]+):[^@]*@", r"\1:***@", tracking_uri).removeprefix("sqlite:///")


def _lacks_driver(tracking_uri: str) -> bool:
    """Whether the database driver that the URI names cannot be imported."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        make_url(tracking_uri).get_dialect().import_dbapi()
    except ImportError:
        return True
    except SQLAlchemyError:
        return False
    return False


def _driver_error(error: ImportError, tracking_uri: str) -> TrackingError:
    module = (error.name or "").partition(".")[0]
    install = f"`pip install '{_DISTRIBUTIONS.get(module, module)}'`" if module else "pip"
    return TrackingError(
        f"The driver of the MLflow store {shown(tracking_uri)} cannot be imported:"
        f" {_first_line(str(error))}.",
        f"Install it with {install}, or let MLFLOW_TRACKING_URI name one that is installed.",
    )


def _schema_error(revision: str, store: str) -> TrackingError:
    import mlflow

    known = Path(mlflow.__file__).parent / "store" / "db_migrations" / "versions"
    if any(known.glob(f"{revision}_*.py")):
        return TrackingError(
            f"The MLflow store {store} has the schema {revision}, older than MLflow "
            f"{mlflow.__version__} reads.",
            "Back it up, then run `mlflow db upgrade <tracking uri>`.",
        )
    return TrackingError(
        f"The MLflow store {store} was written by a newer MLflow: its schema {revision} is unknown "
        f"to the installed {mlflow.__version__}.",
        "Install the newer MLflow here too, or set another tracking URI.",
    )


def _first_line(text: str) -> str:
    """Return the cause, without SQLAlchemy's exception class and its list of parameters."""
    line = text.strip().splitlines()[0] if text.strip() else "no reason given"
    return re.sub(r"^\([\w.]+\) ", "", line)[:300].rstrip(".")


def _store_errors() -> tuple[type[Exception], ...]:
    from alembic.util import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return (MlflowException, SQLAlchemyError, CommandError, sqlite3.Error, OSError)
