from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.errors import DataError
from ml_assets_tests.sources.helpers import connect, load_file, rejected, rows

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

CON = connect()
NAMES = {"id": "INTEGER", "name": "VARCHAR", "city": "VARCHAR", "note": "VARCHAR"}
HEADER = "id,name,city,note\n"


@pytest.mark.parametrize("row", ["2,Smith, John,Paris,NA", "2,x,y,z,", "2,x,y,z,,NA", "2,x,y,z,NA"])
def test_a_row_that_lost_an_empty_surplus_field_is_no_row(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, row: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + '1,"a, b",c,d\n' * 3 + row + "\n")
    with pytest.raises(DataError, match=r"raw.flights: .*a\.csv, line 5: too many fields"):
        load_file(con, path, NAMES, nulls="NA")


def test_delimiters_inside_quotes_are_no_surplus(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + '1,"a, b","c,\nd",\n2,x\n3,x,y,z\n')
    load_file(con, path, NAMES)
    assert rows(con, "flights") == [(1, "a, b", "c,\nd", None), (3, "x", "y", "z")]
    assert rejected(con) == [("too few fields", f"{path}, row 3")]


def test_a_header_that_ends_with_a_delimiter_allows_rows_that_do(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("id,name,\n1,x,\n")
    result = load_file(con, tmp_path / "a.csv", {"id": "INTEGER", "name": "VARCHAR"})
    assert rows(con, "flights") == [(1, "x")]
    assert "'(column 3)'" in result.warnings[0]


FIELD = st.sampled_from(["7", "x", "", "NA", '"q, r"', '""'])


@pytest.mark.slow
@given(st.lists(st.lists(FIELD, min_size=1, max_size=5), min_size=3, max_size=12))
def test_no_row_is_lost_or_changed_in_silence(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "surplus.csv"
    lines = [",".join(["1", *row]) for row in table]
    path.write_text("id,name,city\n" + "\n".join(lines) + "\n")
    whole = sum(len(row) == 2 for row in table)
    columns = {"id": "INTEGER", "name": "VARCHAR", "city": "VARCHAR"}
    try:
        result = load_file(CON, path, columns, nulls="NA")
    except DataError as fault:
        assert whole < len(table)
        assert "fields" in fault.fact
    else:
        assert (result.kept_rows, result.rejected_rows) == (whole, len(table) - whole)
