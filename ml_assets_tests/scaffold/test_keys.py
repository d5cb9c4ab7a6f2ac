from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError
from ml_assets.scaffold.keys import check_key, guess_key, no_key
from ml_assets_tests.scaffold.tables import opened, write_orders, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from ml_assets.scaffold.columns import Column
    from ml_assets.scaffold.table import Table


def named(table: Table, name: str) -> Column:
    return next(column for column in table.columns if column.source == name)


def guessed(con: duckdb.DuckDBPyConnection, path: str, time: str, target: str) -> list[str] | None:
    table = opened(con, path)
    found = guess_key(con, table, named(table, time), named(table, target))
    return None if found is None else [column.source for column in found]


def test_an_identifier_is_the_key(con: duckdb.DuckDBPyConnection, orders: str) -> None:
    assert guessed(con, orders, "placed", "late") == ["order_id"]


def test_a_series_has_its_time_for_a_key(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "s.csv", "SELECT DATE '2024-01-01' + range::INT AS day, 1.5 AS x FROM range(300)"
    )
    assert guessed(con, path, "day", "x") == ["day"]


def test_a_series_per_shop_has_both(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "s.csv",
        "SELECT DATE '2024-01-01' + (range // 3)::INT AS day, 'shop' || range % 3 AS shop,"
        " range % 7 AS sold, 5 AS same FROM range(600)",
    )
    assert guessed(con, path, "day", "sold") == ["day", "shop"]


def test_copies_of_a_row_do_no_harm(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    select = "SELECT DATE '2024-01-01' + range::INT AS day, range AS x FROM range(300)"
    path = write_rows(tmp_path / "s.csv", f"{select} UNION ALL {select} LIMIT 400")
    assert guessed(con, path, "day", "x") == ["day"]


def test_rows_that_nothing_tells_apart_are_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = write_rows(
        tmp_path / "s.csv", "SELECT DATE '2024-01-01' AS day, range / 7 AS x FROM range(300)"
    )
    table = opened(con, path)
    assert guessed(con, path, "day", "x") is None
    error = no_key(con, table, named(table, "day"), named(table, "x"))
    assert error.fact == "No columns that may be a key of s.csv tell its 300 rows apart."
    assert error.hint.count("day=") == 1
    assert "day=2024-01-01 (300 rows)" in error.hint


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (["customer_id"], r"\d+ keys stand in several rows that differ, such as customer_id=\d+"),
        (["order_id", "late"], "holds the target late"),
        (["empty"], "empty is NULL in 4,000 of 4,000 rows"),
    ],
)
def test_a_wrong_key_is_refused(
    con: duckdb.DuckDBPyConnection, orders: str, key: list[str], text: str
) -> None:
    table = opened(con, orders)
    with pytest.raises(DataError, match=text):
        check_key(con, table, tuple(named(table, one) for one in key), named(table, "late"))


def test_a_right_key_passes(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    table = opened(con, write_orders(tmp_path / "orders.parquet"))
    check_key(con, table, (named(table, "order_id"),), named(table, "late"))
