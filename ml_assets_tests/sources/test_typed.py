from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError
from ml_assets.sources.rejected import Rejection
from ml_assets_tests.sources.helpers import load_file, rejected, rows

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

COLUMNS = {"day": "DATE", "delay": "SMALLINT", "flight": "INTEGER", "carrier": "VARCHAR"}
HEADER = "day,delay,flight,carrier\n"
GOOD = "2013-01-01,1,2,UA\n"


def test_a_bad_value_rejects_its_row_and_keeps_the_original(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + GOOD * 3 + "2013-01-02,late,x,UA\n2013-01-03,soon,4,\n")
    result = load_file(con, path, COLUMNS)
    assert result.rejections == (
        Rejection("delay: not a SMALLINT", 1, "soon"),
        Rejection("delay: not a SMALLINT; flight: not an INTEGER", 1, "late"),
    )
    assert (result.rows, result.kept_rows, result.rejected_rows) == (5, 3, 2)
    originals = con.execute("SELECT _row::VARCHAR FROM temp.flights_rejected ORDER BY 1").fetchall()
    assert originals == [
        ('{"day":"2013-01-02","delay":"late","flight":"x","carrier":"UA"}',),
        ('{"day":"2013-01-03","delay":"soon","flight":"4","carrier":null}',),
    ]


def test_a_rejected_row_keeps_what_places_it(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(HEADER + GOOD + "2013-01-02,late,5,UA\n")
    load_file(con, tmp_path / "a.csv", COLUMNS)
    placed = con.execute(
        "SELECT strftime(day, '%Y-%m'), delay, flight FROM temp.flights_rejected"
    ).fetchall()
    assert placed == [("2013-01", None, 5)]


def test_a_column_that_mostly_cannot_be_typed_is_retyped(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(HEADER + GOOD + "2013-01-01,a,1,UA\n2013-01-01,b,1,UA\n")
    with pytest.raises(
        DataError,
        match=r"raw\.flights: column `delay` of .*a\.csv is declared "
        r"SMALLINT, but 2 of 3 values are not, such as 'a'.*nulls",
    ):
        load_file(con, tmp_path / "a.csv", COLUMNS)


def test_loading_again_gives_the_same(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEADER + GOOD + "2013-01-02,late,5,UA\nragged\n" + GOOD)
    first = load_file(con, tmp_path / "a.csv", COLUMNS)
    before = rows(con, "flights"), rejected(con)
    assert load_file(con, tmp_path / "a.csv", COLUMNS) == first
    assert (rows(con, "flights"), rejected(con)) == before


def test_columns_come_in_declared_order(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("carrier,flight,delay,day\nUA,2,1,2013-01-01\n")
    load_file(con, tmp_path / "a.csv", COLUMNS)
    described = con.execute("DESCRIBE temp.flights").fetchall()
    assert [(name, type_) for name, type_, *_ in described] == list(COLUMNS.items())


def test_a_load_fits_in_a_transaction(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEADER + GOOD + "2013-01-02,late,5,UA\n")
    con.execute("BEGIN")
    load_file(con, tmp_path / "a.csv", COLUMNS)
    con.execute("COMMIT")
    assert len(rows(con, "flights")) == 1


def test_odd_names_are_quoted(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "it's.csv").write_text('"a ""b""\'",order\n1,x\n2,y\nz,w\n')
    load_file(con, tmp_path / "it's.csv", {'a "b"\'': "INTEGER", "order": "VARCHAR"})
    assert rows(con, "flights") == [(1, "x"), (2, "y")]
    assert rejected(con) == [('a "b"\': not an INTEGER', "z")]
