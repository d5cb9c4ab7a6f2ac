from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from ml_assets.sql import windows

if TYPE_CHECKING:
    from collections.abc import Iterator

Connection = duckdb.DuckDBPyConnection


@pytest.fixture
def con() -> Iterator[Connection]:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'; CREATE SCHEMA cleaned")
        con.execute("""
            CREATE TABLE stored AS
            SELECT day, TIMESTAMPTZ '2013-02-01' + to_days(day::INT) AS "at",
                '2013-02' AS _partition
            FROM range(-40, 40) t(day)
        """)
        con.execute("INSERT INTO stored VALUES (99, NULL, '2013-03')")
        start, end = datetime(2013, 2, 1, tzinfo=UTC), datetime(2013, 3, 1, tzinfo=UTC)
        con.execute(windows.set_slice("America/New_York", start, end))
        yield con


def days(con: Connection, sql: str) -> tuple[int, int, int]:
    row = con.execute(f"SELECT min(day), max(day), count(*) FROM ({sql})").fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def test_a_slice_sees_its_lookback_and_nothing_after_its_end(con: Connection) -> None:
    sql = windows.seen("stored", ["day", "at"], time='"at"', lookback="3 days")
    assert days(con, sql) == (-3, 27, 31)
    assert con.sql(sql).columns == ["day", "at"]


def test_a_static_table_is_seen_whole(con: Connection) -> None:
    assert days(con, windows.seen("stored", ["day"], time=None)) == (-40, 99, 81)


def test_excluded_rows_are_not_seen_but_unknown_ones_are(con: Connection) -> None:
    rules = ["day < 0", "CASE WHEN day = 99 THEN NULL ELSE day > 10 END"]
    assert days(con, windows.seen("stored", ["day"], time=None, exclude=rules)) == (0, 99, 12)


def test_only_named_partitions_are_read(con: Connection) -> None:
    read = windows.seen("stored", ["day"], time=None, partitions=["2013-03"])
    assert days(con, read) == (99, 99, 1)
    assert con.sql(windows.seen("stored", ["day"], time=None, partitions=[])).fetchall() == []


def test_a_view_follows_the_slice(con: Connection) -> None:
    sql = windows.seen("stored", ["day"], time='"at"')
    con.execute(windows.view("cleaned", "weather", sql))
    assert days(con, "SELECT * FROM cleaned.weather") == (0, 27, 28)
    march, april = datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 4, 1, tzinfo=UTC)
    con.execute(windows.set_slice("America/New_York", march, april))
    assert days(con, "SELECT * FROM cleaned.weather") == (28, 39, 12)


def test_own_rows_are_the_slices_and_those_without_time(con: Connection) -> None:
    assert days(con, windows.own("stored", "at")) == (0, 99, 29)
    assert days(con, windows.own("stored", None)) == (-40, 99, 81)


@pytest.mark.parametrize(
    ("expression", "utc"),
    [
        ("DATE '2013-07-01'", "2013-07-01 04:00:00+00"),
        ("make_date(2013, 1, 1)", "2013-01-01 05:00:00+00"),
        ("TIMESTAMP '2013-07-01 05:00:00'", "2013-07-01 09:00:00+00"),
        ("TIMESTAMPTZ '2013-07-01 05:00:00+00'", "2013-07-01 05:00:00+00"),
        ("CAST(NULL AS DATE)", None),
    ],
)
def test_local_times_become_instants(con: Connection, expression: str, utc: str | None) -> None:
    sql = f"SELECT CAST({windows.as_instant(expression)} AS VARCHAR)"
    assert con.execute(sql).fetchall() == [(utc,)]


def test_an_instant_needs_its_offset(con: Connection) -> None:
    moment = datetime(2013, 6, 1, 12, 30, 0, 123456, tzinfo=UTC)
    assert con.execute(f"SELECT {windows.instant(moment)} = TIMESTAMPTZ '{moment}'").fetchall() == [
        (True,)
    ]
    with pytest.raises(ValueError, match="no UTC offset"):
        windows.instant(moment.replace(tzinfo=None))
