"""What was computed once and is kept on disk: a file per piece, under the hash of what it is of."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import ml_assets
from ml_assets.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets.ml.training_table import Floats

TRAINING = (
    "ml/*.py",
    "tables/entities.py",
    "tables/labels.py",
    "tables/spine.py",
    "tables/visibility.py",
    "backtest/past.py",
    "backtest/models.py",
)
"""The code that decides what a model and its scores are."""
MONITORS = (
    "monitors/*.py",
    "tables/looks.py",
    "tables/views.py",
    "tables/label_delay.py",
    "tables/answered.py",
    "backtest/outcomes.py",
    "backtest/seen.py",
)
"""The code that decides what is seen of them, beside that."""
LIBRARIES = ("lightgbm", "numpy", "optuna", "pyarrow", "scipy")


@dataclass(frozen=True)
class Shelf:
    """A folder of pieces; each is written whole or not at all, so that a killed call goes on."""

    folder: Path

    def text(self, kind: str, name: str, make: Callable[[], str]) -> str:
        """Return the text `kind/name`, made and kept where it is not there yet."""
        path = self.folder / kind / f"{name}.json"
        if not path.is_file():
            self._write(path, make().encode())
        return path.read_text(encoding="utf-8")

    def array(self, kind: str, name: str, make: Callable[[], Floats]) -> Floats:
        """Return the array `kind/name`, made and kept where it is not there yet."""
        path = self.folder / kind / f"{name}.f8"
        if not path.is_file():
            self._write(path, make().astype("<f8").tobytes())
        return np.fromfile(path, "<f8")

    def _write(self, path: Path, content: bytes) -> None:
        aside = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(content)
            aside.replace(path)
        except OSError as error:
            raise StorageError(
                f"{path} cannot be written ({error.strerror}).",
                "Make room or the folder writable; what is there already is used again.",
            ) from error


@cache
def code_version(*sources: str) -> str:
    """Return the hash of some code of the package, by glob patterns, and of the libraries."""
    root = Path(ml_assets.__file__).parent
    made = hashlib.sha256()
    for path in (path for pattern in sources for path in sorted(root.glob(pattern))):
        made.update(path.read_bytes())
    for name in LIBRARIES:
        made.update(f"{name} {version(name)}".encode())
    return made.hexdigest()
