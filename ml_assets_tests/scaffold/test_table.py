from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError
from ml_assets_tests.scaffold.tables import opened, write_orders, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb


def test_a_csv_is_typed_and_counted(con: duckdb.DuckDBPyConnection, orders: str) -> None:
    table = opened(con, orders)
    assert table.name == "orders.csv"
    assert table.rows == 4000
    assert [(column.source, column.type) for column in table.columns][:4] == [
        ("order_id", "INTEGER"),
        ("placed", "TIMESTAMP"),
        ("Region Name", "VARCHAR"),
        ("amount", "DOUBLE"),
    ]
    assert table.columns[2].name == "region_name"
    assert table.columns[2].values == ("north", "south", "west")


def test_parquet_keeps_its_types(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    table = opened(con, write_orders(tmp_path / "orders.parquet"))
    types = {column.source: column.type for column in table.columns}
    assert types["placed"] == "TIMESTAMP"
    assert types["customer_id"] == "UBIGINT"


def test_json_lines_keep_their_types_and_text_is_read(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "o.jsonl"
    line = '{{"day": "2024-01-{:02d}", "n": {}, "code": "0{}", "mixed": {}}}'
    mixed = ("1", '"2"')
    path.write_text("\n".join(line.format(1 + n % 28, n, n, mixed[n % 2]) for n in range(300)))
    types = {column.source: column.type for column in opened(con, str(path)).columns}
    assert types == {"day": "DATE", "n": "BIGINT", "code": "VARCHAR", "mixed": "INTEGER"}


def test_several_files_are_one_table(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    write_orders(tmp_path / "o1.csv", where="order_id < 2000")
    write_orders(tmp_path / "o2.csv", where="order_id >= 2000")
    assert opened(con, str(tmp_path / "o*.csv")).rows == 4000


def test_delimiter_and_missing_words_are_found(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "german.csv"
    rows = "\n".join(f"2024-01-01;{'NA' if n % 7 == 0 else n};north" for n in range(300))
    path.write_text(f"day;sales;region\n{rows}\n")
    table = opened(con, str(path))
    assert (table.source.delimiter, table.source.nulls) == (";", ("", "NA"))
    assert {column.source: (column.type, column.nulls) for column in table.columns} == {
        "day": ("DATE", 0),
        "sales": ("INTEGER", 43),
        "region": ("VARCHAR", 0),
    }


def test_rows_that_cannot_be_read_are_counted(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text("day,n\n" + "2024-01-01,1\n" * 300 + "2024-01-02\n")
    table = opened(con, str(path))
    assert (table.rows, table.unreadable) == (300, 1)


def test_a_path_is_told_once(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("")
    with pytest.raises(DataError) as told:
        opened(con, str(path))
    assert str(told.value).count(str(path)) == 1


def test_tabs_are_found_in_a_tsv(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("day\tsales of\n" + "2024-01-01\t7\n" * 300)
    table = opened(con, str(path))
    assert (table.source.delimiter, len(table.columns)) == ("\t", 2)


@pytest.mark.parametrize("name", ["_partition", "_Load_ID", "_loaded_at"])
def test_a_column_that_the_platform_adds_is_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, name: str
) -> None:
    path = write_orders(tmp_path / "o.csv", f"* RENAME (amount AS {name})")
    with pytest.raises(DataError, match=f"a column {name}, which the platform itself adds"):
        opened(con, path)


def test_few_rows_are_refused(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = write_orders(tmp_path / "few.csv", where="order_id < 150")
    with pytest.raises(DataError, match=r"few.csv has 150 rows; 200 are the fewest"):
        opened(con, path)


def test_a_file_that_is_not_there_is_told_with_its_neighbours(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    write_rows(tmp_path / "orders.csv", "SELECT 1")
    with pytest.raises(DataError, match=r"nearest names there: orders\.csv"):
        opened(con, str(tmp_path / "order.csv"))
