"""Text whose fields stand apart by blanks, as statisticians write tables, made into CSV."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from ml_assets.sources.unpack import Plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DELIMITER = ","


def as_csv(files: Sequence[Plain], folder: Path) -> list[Plain]:
    """Write each file to `folder` as CSV, line by line, so that a row keeps its number.

    Bytes that are no UTF-8 stay what they are, for the reader to reject their rows.
    """
    return [_as_csv(file, folder / f"{number}.blanks") for number, file in enumerate(files)]


def _as_csv(file: Plain, path: Path) -> Plain:
    with (
        file.path.open(encoding="utf-8", errors="surrogateescape") as lines,
        path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as made,
    ):
        writer = csv.writer(made, delimiter=DELIMITER, lineterminator="\n")
        writer.writerows(line.split() for line in lines)
    return Plain(file.name, path)
