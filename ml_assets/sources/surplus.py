"""Rows with more fields than the header, where DuckDB drops the surplus without a word.

It rejects a surplus field with content but accepts one that is NULL or empty. After an unquoted
comma inside a text that is a row whose values have all moved one column on.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from ml_assets.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ml_assets.sources.unpack import Plain

CHUNK = 2**20


def balanced(files: Iterable[Plain], width: int, delimiter: str, rows: int) -> bool:
    """Tell whether the files hold just the delimiters of `rows` rows of `width` fields.

    Headers come on top of `rows`. With no row too short, nothing is left for a surplus field;
    a delimiter inside quotes makes this False though all is well.
    """
    mark = delimiter.encode()
    found = headers = 0
    for file in files:
        headers += 1
        with file.path.open("rb") as opened:
            while chunk := opened.read(CHUNK):
                found += chunk.count(mark)
    return found == (width - 1) * (rows + headers)


def surplus_fault(file: Plain, width: int, delimiter: str, count: int) -> DataError:
    """Return the fault that names the first of `count` rows with more than `width` fields."""
    with file.path.open(encoding="utf-8", errors="replace", newline="") as lines:
        reader = csv.reader(lines, delimiter=delimiter)
        place = next((f", line {reader.line_num}" for row in reader if len(row) > width), "")
    return DataError(
        f"{file.name}{place}: too many fields, the header has {width:,} ({count:,} such rows end"
        " with empty fields).",
        "Mend the row: an unquoted delimiter inside a value moves all that follow; where every row"
        " ends with a delimiter, end the header with one too.",
    )
