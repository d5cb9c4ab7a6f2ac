from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError
from ml_assets_tests.sources.helpers import load_file, rejected, rows

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb


def written(con: duckdb.DuckDBPyConnection, path: Path, select: str) -> Path:
    con.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path


def test_types_pass_through(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = written(con, tmp_path / "a.parquet", "SELECT 1::BIGINT a, '' b, DATE '2013-01-01' d")
    load_file(con, path, {"a": "SMALLINT", "b": "VARCHAR", "d": "DATE"})
    types = con.execute("SELECT typeof(a), typeof(b), typeof(d) FROM temp.flights").fetchall()
    assert types == [("SMALLINT", "VARCHAR", "DATE")]


def test_numbers_that_do_not_fit_reject_their_row(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = written(con, tmp_path / "a.parquet", "FROM (VALUES (1.0), (1.5), (1e9), (2), (3)) t(a)")
    load_file(con, path, {"a": "SMALLINT"})
    assert rows(con, "flights") == [(1,), (2,), (3,)]
    assert [reason for reason, _ in rejected(con)] == ["a: not a SMALLINT"] * 2


@pytest.mark.parametrize(
    ("select", "declared", "delivered"),
    [
        ("SELECT '1' a", "SMALLINT", "VARCHAR"),
        ("SELECT 1 a", "VARCHAR", "INTEGER"),
        ("SELECT TIMESTAMP '2013-01-01' a", "TIMESTAMPTZ", "TIMESTAMP"),
        ("SELECT TIMESTAMPTZ '2013-01-01' a", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
    ],
)
def test_a_retyped_column_is_named(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, select: str, declared: str, delivered: str
) -> None:
    path = written(con, tmp_path / "a.parquet", select)
    with pytest.raises(DataError, match=rf"a\.parquet delivers `a` as {delivered}, declared is"):
        load_file(con, path, {"a": declared})


def test_files_may_differ_in_order_and_width(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    written(con, tmp_path / "1.parquet", "SELECT 1::SMALLINT a, 'x' b")
    written(con, tmp_path / "2.parquet", "SELECT 'y' b, 2::BIGINT a, 0 c")
    load_file(con, tmp_path / "*.parquet", {"a": "INTEGER", "b": "VARCHAR"})
    assert sorted(rows(con, "flights")) == [(1, "x"), (2, "y")]


def test_the_file_that_lacks_a_column_is_named(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    written(con, tmp_path / "1.parquet", "SELECT 1 a, [1] b")
    written(con, tmp_path / "2.parquet", "SELECT 1 a")
    with pytest.raises(DataError, match=r"2\.parquet has no column `b`"):
        load_file(con, tmp_path / "*.parquet", {"a": "INTEGER", "b": "INTEGER[]"})


def test_a_truncated_file_is_named(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = written(con, tmp_path / "a.parquet", "SELECT 1 a")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(
        DataError, match=r"raw.flights: .*a\.parquet is no Parquet file or is trunc"
    ):
        load_file(con, path, {"a": "INTEGER"})


def test_no_rows_is_a_fault(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = written(con, tmp_path / "a.parquet", "SELECT 1 a WHERE false")
    with pytest.raises(DataError, match=r"raw.flights: .*a\.parquet has no rows"):
        load_file(con, path, {"a": "INTEGER"})
