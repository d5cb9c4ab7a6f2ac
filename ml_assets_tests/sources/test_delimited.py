from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError
from ml_assets_tests.sources.helpers import load_file, rejected, rows

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

AB = {"a": "INTEGER", "b": "VARCHAR"}


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_null_is_the_unquoted_text_only(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", 'a,b\n1,NA\n2,"NA"\n3,\n4,""\n')
    load_file(con, path, AB, nulls="NA")
    assert rows(con, "flights") == [(1, None), (2, "NA"), (3, ""), (4, "")]


def test_an_empty_field_is_null_by_default(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    load_file(con, written(tmp_path / "a.csv", 'a,b\n1,\n2,""\n,x\n'), AB)
    assert rows(con, "flights") == [(1, None), (2, ""), (None, "x")]


def test_several_texts_may_mean_null(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    load_file(con, written(tmp_path / "a.csv", "a,b\nNA,\n"), AB, nulls=["", "NA"])
    assert rows(con, "flights") == [(None, None)]


def test_ragged_rows_are_rejected_with_their_number(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.csv", "a,b\n1,x\n2\n3,y,z\n\n4,w\n5,v\n")
    result = load_file(con, path, AB)
    assert rows(con, "flights") == [(1, "x"), (4, "w"), (5, "v")]
    assert rejected(con) == [
        ("too few fields", f"{path}, row 3"),
        ("too many fields", f"{path}, row 4"),
    ]
    assert (result.rows, result.kept_rows, result.rejected_rows) == (5, 3, 2)
    raw = con.execute("SELECT _row->>'text', a FROM temp.flights_rejected ORDER BY 1").fetchall()
    assert raw == [("2", None), ("3,y,z", None)]


def test_numbers_are_right_far_into_a_large_file(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    lines = [f"{i},{'x' * 60}" for i in range(1_000_000)]
    lines[777_777] = "ragged"
    path = written(tmp_path / "a.csv", "a,b\n" + "\n".join(lines) + "\n")
    assert load_file(con, path, AB).rows == 1_000_000
    assert rejected(con) == [("too few fields", f"{path}, row 777779")]


def test_mostly_ragged_rows_fail_the_load(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "a,b\n1,x,?\n2,y,?\n3,z\n")
    with pytest.raises(DataError, match=r"2 of 3 rows .* too many fields .*row 2"):
        load_file(con, path, AB)


def test_an_open_quote_fails_the_load_naming_the_row(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.csv", 'a,b\n1,x\n2,"y\n3,z\n4,z\n')
    with pytest.raises(DataError, match=r"raw.flights: .*a\.csv, row 3: unquoted value"):
        load_file(con, path, AB)


def test_a_row_that_is_not_utf8_is_rejected(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"a,b,c\n1,x,\n2,\xff\xfe,\n3,y,\xff\n4,z,\n")
    result = load_file(con, path, AB)
    assert rejected(con) == [("not UTF-8", f"{path}, row 3")]
    assert rows(con, "flights") == [(1, "x"), (3, "y"), (4, "z")]
    assert result.rows == 4


def test_a_file_in_another_encoding_fails(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "a,b\n1,\u00e9\n2,\u00e9\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"2 of 2 rows .* not UTF-8 .* encoding"):
        load_file(con, path, AB)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bytes(range(256)) * 10, "is not a CSV"),
        ("a,b\n1,x\n".encode("utf-16"), "UTF-16"),
        (b"a,\xff\n1,x\n", "header that is not UTF-8"),
        (b"a,b,b\n1,x,y\n", "two columns `b`, the 2. and the 3."),
        (b"a,b,B\n1,x,y\n", "two columns `B`"),
        (b"a,b\n", "has no rows"),
        (b"\n\n", "blank lines only"),
        (b"a;b\n1;x\n", "set `delimiter`"),
    ],
)
def test_what_is_no_csv_is_named(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, content: bytes, words: str
) -> None:
    path = written(tmp_path / "bad.csv", content)
    with pytest.raises(DataError, match=r"raw.flights: .*bad\.csv") as caught:
        load_file(con, path, AB)
    assert words in str(caught.value)


def test_files_may_order_their_columns_differently(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    written(tmp_path / "1.csv", "a,b\n1,x\n")
    written(tmp_path / "2.csv", "b,extra,a\ny,?,2\nz\n")
    result = load_file(con, tmp_path / "*.csv", AB)
    assert sorted(rows(con, "flights")) == [(1, "x"), (2, "y")]
    assert result.rejections[0].example == f"{tmp_path / '2.csv'}, row 3"
    assert len(result.warnings) == 1


def test_delimiter_bom_and_line_ends(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b'\xef\xbb\xbfa;b\r\n1;"x;\r\ny"\r\n')
    load_file(con, path, AB, delimiter=";")
    assert rows(con, "flights") == [(1, "x;\r\ny")]


def test_a_folder_named_like_a_partition_adds_no_column(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "b=7").mkdir()
    path = written(tmp_path / "b=7" / "a.csv", "a,b\n1,x\n")
    load_file(con, path, AB)
    assert rows(con, "flights") == [(1, "x")]
