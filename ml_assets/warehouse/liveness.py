"""Whether the process of a Dagster run lives: a file lock that dies with it, also on kill -9."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml_assets.warehouse.settings import Settings


@contextmanager
def hold(run_id: str, settings: Settings) -> Iterator[None]:
    """Hold <data>/runs/<run_id>.lock for as long as the block, or else the process, lives."""
    path = _path(run_id, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    unlocked = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Under its name the file is locked from the first moment on.
        unlocked.rename(path)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def is_alive(run_id: str, settings: Settings) -> bool | None:
    """Return whether the run's process lives; None when it left no lock on this machine."""
    path = _path(run_id, settings)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    # A run that ends of itself removes its lock before it lets go of it.
    return False if path.exists() else None


def sweep(settings: Settings) -> None:
    """Remove the lock files that killed runs left behind."""
    for path in (settings.data / "runs").glob("*.lock"):
        if is_alive(path.stem, settings) is False:
            path.unlink(missing_ok=True)


def _path(run_id: str, settings: Settings) -> Path:
    return settings.data / "runs" / f"{run_id}.lock"
