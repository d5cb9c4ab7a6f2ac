"""Text whose fields stand apart by blanks is read like CSV, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError
from ml_assets_tests.sources.helpers import connect, load_file, rejected, rows

if TYPE_CHECKING:
    from pathlib import Path

CON = connect()
COLUMNS = {"id": "INTEGER", "day": "VARCHAR", "amount": "DECIMAL(10,2)"}


def written(folder: Path, text: bytes) -> Path:
    path = folder / "orders.txt"
    path.write_bytes(text)
    return path


def test_runs_of_blanks_part_the_fields(tmp_path: Path) -> None:
    text = b" id  day amount\r\n 00001 19970101   11.77\r\n\r\n\t2\t19970102 3  \n"
    result = load_file(CON, written(tmp_path, text), COLUMNS)
    assert [tuple(map(str, row)) for row in rows(CON, result.kept)] == [
        ("1", "19970101", "11.77"),
        ("2", "19970102", "3.00"),
    ]
    assert result.rejections == ()


def test_a_row_of_other_length_is_rejected_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, b"id day amount\n1 19970101 1.5\n2 19970102\n3 19970103 x\n")
    result = load_file(CON, path, COLUMNS)
    assert len(rows(CON, result.kept)) == 1
    told = dict(rejected(CON))
    assert told.pop("too few fields").endswith("row 3")
    assert list(told) == ["amount: not a DECIMAL(10,2)"]


def test_commas_and_quotes_are_text(tmp_path: Path) -> None:
    path = written(tmp_path, b'id day amount\n1 "a,b 2\n')
    assert [row[1] for row in rows(CON, load_file(CON, path, COLUMNS).kept)] == ['"a,b']


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is empty"):
        load_file(CON, written(tmp_path, b"\n \n"), COLUMNS)
