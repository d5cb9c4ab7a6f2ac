from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError
from ml_assets_tests.sources.helpers import load_file, rejected, rows

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

COLUMNS = {"a": "INTEGER", "b": "VARCHAR", "t": "TIMESTAMPTZ", "d": "VARCHAR"}
LINES = (
    '{"a": 1, "b": "x", "t": "2013-01-01T05:00:00Z", "d": {"k": [1]}}\n'
    '{"t": null, "b": "", "a": 2, "more": true, "d": null}\n'
    '{"a": null}\n'
)


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.jsonl.gz"])
def test_values_keep_their_text(con: duckdb.DuckDBPyConnection, tmp_path: Path, name: str) -> None:
    content = gzip.compress(LINES.encode()) if name.endswith("gz") else LINES.encode()
    (tmp_path / name).write_bytes(content)
    result = load_file(con, tmp_path / name, COLUMNS)
    kept = con.execute("SELECT a, b, t::VARCHAR, d FROM temp.flights").fetchall()
    assert kept == [
        (1, "x", "2013-01-01 05:00:00+00", '{"k":[1]}'),
        (2, "", None, None),
        (None, None, None, None),
    ]
    assert "'more'" in result.warnings[0]
    assert "BOOLEAN" in result.warnings[0]


def test_a_text_in_a_number_column_rejects_its_row(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{"a": "many"}\n{"a": 1.5}\n{"a": 4}\n{"a": 5}\n')
    load_file(con, tmp_path / "a.jsonl", {"a": "INTEGER"})
    assert rows(con, "flights") == [(1,), (4,), (5,)]
    assert rejected(con) == [("a: not an INTEGER", "1.5"), ("a: not an INTEGER", "many")]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('{"a": 1}\n{"a":\n{"a": 3}\n', "line 2 is no JSON object: '{\"a\":'"),
        ('{"a": 1}\n{"a": 2', "line 2 is no JSON object"),
        ("[1]\n", "line 1 is no JSON object"),
        ("a,b\n1,2\n", "line 1 is no JSON object"),
        ("\n\n", "holds no row"),
        ('{"b": 1}\n', "no column `a`"),
        ('{"a": "1"}\n{"a": "2"}\n', "delivers `a` as VARCHAR, declared is INTEGER"),
        ('{"a": true}\n', "delivers `a` as BOOLEAN"),
    ],
)
def test_what_is_no_json_lines_is_named(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, lines: str, words: str
) -> None:
    (tmp_path / "bad.jsonl").write_text(lines)
    with pytest.raises(DataError, match=r"raw.flights: .*bad\.jsonl") as caught:
        load_file(con, tmp_path / "bad.jsonl", {"a": "INTEGER"})
    assert words in str(caught.value)


def test_a_key_that_comes_late_is_found(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    lines = ['{"a": 1}'] * 30_000 + ['{"a": 2, "b": "late"}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    load_file(con, tmp_path / "a.jsonl", {"a": "INTEGER", "b": "VARCHAR"})
    assert (2, "late") in rows(con, "flights")
