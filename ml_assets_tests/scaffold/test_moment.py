from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError
from ml_assets.scaffold.moment import moment_called, moments
from ml_assets.sql.names import literal
from ml_assets_tests.scaffold.tables import opened, write_orders, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

WRITTEN = {
    "DATE": "2024-01-01",
    "%Y%m%d": "20240101",
    "%d.%m.%Y": "01.01.2024",
    "%m/%d/%Y %H:%M": "01/01/2024 00:00",
    "%b %d %Y": "Jan 01 2024",
    "%Y-%m": "2024-01",
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_a_time_is_read_however_it_is_written(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, written: str
) -> None:
    path = write_rows(tmp_path / "t.csv", f"SELECT '{written}' AS day, range AS n FROM range(300)")
    table = opened(con, path)
    (moment,) = moments(con, table)
    value = moment.instant(literal("Europe/Berlin"))
    assert con.execute(f"SELECT DISTINCT epoch({value}) FROM temp.{table.relation}").fetchall() == [
        (1704063600.0,)
    ]


def test_the_month_comes_first_where_both_fit_and_the_day_where_only_it_does(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    def found(select: str) -> str | None:
        table = opened(con, write_rows(tmp_path / "t.csv", select))
        return moments(con, table)[0].format

    assert found("SELECT '02/03/2024' AS d FROM range(300)") == "%m/%d/%Y"
    assert found("SELECT printf('%02d/03/2024', 1 + range % 28) AS d FROM range(300)") == "%d/%m/%Y"


def test_the_earliest_of_several_times_is_the_rows_own(
    con: duckdb.DuckDBPyConnection, orders: str
) -> None:
    assert [one.column.source for one in moments(con, opened(con, orders))] == [
        "placed",
        "delivered",
    ]


def test_an_instant_needs_no_zone(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", "SELECT '2024-01-01T10:00:00+02' AS seen FROM range(300)")
    table = opened(con, path)
    assert moment_called(con, table, "seen").instant(literal("Asia/Tokyo")) == "seen"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("amount", r"--time amount is no time: orders.csv holds '[\d.]+' there \(DOUBLE\)"),
        ("late", r"holds '(yes|no)' there"),
        ("place", r"no such column. .*Did you mean `placed`"),
    ],
)
def test_what_is_no_time_is_refused(
    con: duckdb.DuckDBPyConnection, orders: str, name: str, text: str
) -> None:
    with pytest.raises(DataError, match=text):
        moment_called(con, opened(con, orders), name)


def test_numbers_are_no_times(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = write_orders(tmp_path / "o.csv", "* EXCLUDE (placed, delivered)")
    assert moments(con, opened(con, path)) == []
