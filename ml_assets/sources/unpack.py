"""Zip and gzip to plain files, which DuckDB reads in parallel.

DuckDB reads gzip itself, but takes a truncated file for a short one; here checksums are verified.
"""

from __future__ import annotations

import errno
import gzip
import shutil
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from ml_assets.errors import DataError, StorageError
from ml_assets.sources.hints import listed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK = 2**20


@dataclass(frozen=True)
class Plain:
    """An uncompressed file and the name a user knows it by."""

    name: str
    path: Path


def unpack(name: str, path: Path, folder: Path) -> list[Plain]:
    """Return the plain files in `path`, written to `folder` where it is a zip or gzip file."""
    if path.stat().st_size == 0:
        raise DataError(f"{name} is empty (0 bytes).", "Fetch the file again.")
    suffix = path.suffix.lower()
    with _explained(name, folder):
        if suffix == ".zip":
            return _unzip(name, path, folder)
        if suffix == ".gz":
            with gzip.open(path, "rb") as packed:
                return [_write(name, packed, folder)]
    return [Plain(name, path)]


def _unzip(name: str, path: Path, folder: Path) -> list[Plain]:
    with zipfile.ZipFile(path) as archive:
        members = sorted(member for member in archive.namelist() if _is_table(member))
        if not members:
            raise DataError(
                f"{name} holds no CSV file (it holds: {listed(archive.namelist()) or 'nothing'}).",
                "A zip may hold one or several .csv files.",
            )
        plain = []
        for member in members:
            with archive.open(member) as packed:
                plain.append(_write(f"{name}/{member}", packed, folder))
        return plain


def _is_table(member: str) -> bool:
    return member.lower().endswith(".csv") and not member.startswith("__MACOSX/")


def _write(name: str, packed: IO[bytes] | gzip.GzipFile, folder: Path) -> Plain:
    # A number for a name: what a zip calls its members never becomes a path.
    target = folder / f"{sum(1 for _ in folder.iterdir())}.unpacked"
    with target.open("wb") as plain:
        shutil.copyfileobj(packed, plain, CHUNK)
    if target.stat().st_size == 0:
        raise DataError(f"{name} is empty (0 bytes).", "Fetch the file again.")
    return Plain(name, target)


@contextmanager
def _explained(name: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{name} is truncated or damaged ({error}).", "Fetch the file again."
        ) from error
    except (RuntimeError, NotImplementedError) as error:
        raise DataError(
            f"{name} cannot be unpacked ({error}).", "Pack it again, plain and without a password."
        ) from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise StorageError(
            f"{name}: the disk is full while unpacking into {folder}.",
            "Free space there, or let TMPDIR name a larger disk.",
        ) from error
