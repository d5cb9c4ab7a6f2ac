"""The identity of files: what tells, without reading all of it, that nothing changed."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WHOLE = 16 * 2**20
"""Bytes up to which a file is hashed whole, so that a new copy of the same content is the same."""
EDGE = 64 * 2**10
"""Bytes hashed at each end of a larger file: zip, gzip and Parquet keep their checksums there."""


def fingerprint(declared: Mapping[str, object], files: Mapping[str, Path]) -> str:
    """Return the sha256 of what is declared and of each file's name and identity, in order."""
    identity = {
        "declared": declared,
        "files": [[name, file_identity(path)] for name, path in files.items()],
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def file_identity(path: Path) -> list[str | int]:
    """Return size and sha256 of a small file; of a larger one also mtime, hashing both ends."""
    stat = path.stat()
    with path.open("rb") as file:
        if stat.st_size <= WHOLE:
            return [stat.st_size, hashlib.file_digest(file, "sha256").hexdigest()]
        digest = hashlib.sha256(file.read(EDGE))
        file.seek(-EDGE, 2)
        digest.update(file.read(EDGE))
    return [stat.st_size, stat.st_mtime_ns, digest.hexdigest()]
