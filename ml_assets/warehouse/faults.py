"""DuckDB's errors: which pass by waiting, and which mean that storage failed."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import TypeVar

import duckdb

from ml_assets.errors import StorageError
from ml_assets.warehouse.settings import without_password

T = TypeVar("T")
OnWait = Callable[[str], None]

ATTEMPTS = 20
LONGEST_WAIT = 2.0
_PASSING = re.compile(
    r"database is locked|Transaction conflict|could not serialize access|deadlock detected"
    r"|duplicate key value violates unique constraint|relation \"ducklake_\w+\" already exists"
)
_FULL = re.compile(r"No space left on device|database or disk is full|disk I/O error")


def retried(attempt: Callable[[], T], *, what: str, on_wait: OnWait) -> T:
    """Return attempt(), repeated with jitter while another writer is in its way (about 30 s)."""
    for number in range(1, ATTEMPTS + 1):
        try:
            return attempt()
        except duckdb.Error as error:
            if not _PASSING.search(str(error)):
                raise
            if number == ATTEMPTS:
                raise _given_up(what, error) from error
            delay = min(LONGEST_WAIT, 0.02 * 2**number) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            on_wait(
                f"{what} waits for another writer ({_last_line(error)});"
                f" attempt {number + 1} of {ATTEMPTS} in {delay:.2f} s"
            )
            time.sleep(delay)
    raise AssertionError("unreachable: the last attempt returns or raises")


def disk_full(error: duckdb.Error, what: str, path: str) -> StorageError | None:
    """Return the fault to show when `error` says that nothing more can be written."""
    if not _FULL.search(str(error)):
        return None
    return StorageError(
        f"{what}: the disk is full or cannot be written at {path} ({_last_line(error)}).",
        "Nothing was changed. Free space there, or point ML_ASSETS_DATA or ML_ASSETS_STORAGE"
        " to a larger disk, and run again.",
    )


def shown(error: duckdb.Error) -> str:
    """Return the text of `error` on one line, without passwords."""
    return without_password(" ".join(str(error).split()))


def _given_up(what: str, error: duckdb.Error) -> StorageError:
    return StorageError(
        f"{what} gave up after {ATTEMPTS} attempts: {shown(error)}",
        "Nothing was changed. Another process keeps writing to this lake: wait for it or stop it,"
        " and run again.",
    )


def _last_line(error: duckdb.Error) -> str:
    return without_password(str(error).strip().splitlines()[-1])
