from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets import clock
from ml_assets.errors import DataError
from ml_assets.scaffold.asked import column_named
from ml_assets.scaffold.calendar import Calendar, make_calendar, refuse_one_class
from ml_assets.scaffold.moment import moment_called
from ml_assets.scaffold.target import decide
from ml_assets_tests.scaffold.tables import opened, write_orders, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb


def calendar(
    con: duckdb.DuckDBPyConnection, folder: Path, select: str, zone: str = "UTC"
) -> Calendar:
    table = opened(con, write_rows(folder / "t.csv", select))
    return make_calendar(con, table, moment_called(con, table, "happened"), zone)


def hourly(hours: int, start: str = "2024-01-01") -> str:
    return f"SELECT TIMESTAMP '{start}' + to_hours(range) AS happened FROM range({hours})"


@pytest.mark.parametrize(
    ("hours", "every", "count", "test", "tune"),
    [
        (24 * 366, "month", 12, 2, 1),
        (24 * 91, "week", 13, 2, 1),
        (24 * 40, "day", 40, 8, 5),
        (24 * 9, "day", 9, 1, 1),
    ],
)
def test_the_longest_partitions_of_which_there_are_enough(
    con: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    hours: int,
    every: str,
    count: int,
    test: int,
    tune: int,
) -> None:
    found = calendar(con, tmp_path, hourly(hours))
    assert (found.every, len(found.keys), found.test, found.tune) == (every, count, test, tune)
    assert found.walk_forward_from in found.keys[found.tune + 1 :]


def test_partitions_are_local(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    select = f"SELECT happened::VARCHAR || 'Z' AS happened FROM ({hourly(24 * 10)})"
    assert calendar(con, tmp_path, select).counts["2024-01-01"] == 24
    assert calendar(con, tmp_path, select, "Asia/Tokyo").counts["2024-01-01"] == 15


def test_days_without_rows_make_weeks(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    select = f"SELECT * FROM ({hourly(24 * 50)}) WHERE isodow(happened) < 6"
    assert calendar(con, tmp_path, select).every == "week"


def test_a_history_goes_on_where_its_newest_rows_are_new(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert calendar(con, tmp_path, hourly(24 * 91)).closed
    monkeypatch.setenv(clock.NOW, "2024-04-08T00:00:00+00:00")
    assert not calendar(con, tmp_path, hourly(24 * 91)).closed


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (
            [hourly(24), hourly(24), hourly(47), hourly(47), hourly(47), hourly(47)],
            "covers 2 days that",
        ),
        (
            [hourly(100), hourly(100, "2024-04-01"), hourly(100, "2024-06-01")],
            "no rows in 2024-02 and 2 more, by happened",
        ),
    ],
)
def test_what_cannot_be_cut_is_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, parts: list[str], text: str
) -> None:
    with pytest.raises(DataError, match=text):
        calendar(con, tmp_path, " UNION ALL ".join(parts))


def test_the_partition_that_is_not_over_counts_neither_for_the_split_nor_the_volume(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(clock.NOW, "2025-01-02T12:00:00+00:00")
    found = calendar(con, tmp_path, hourly(24 * 367 + 12))
    assert (found.every, found.keys[-1], len(found.keys)) == ("month", "2024-12", 12)
    assert found.waiting == 36
    assert found.volume[0] == 0.4


def test_days_of_which_only_today_is_left_are_too_few(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(clock.NOW, "2024-01-01T22:00:00+00:00")
    minutes = "SELECT TIMESTAMP '2024-01-01' + to_minutes(range) AS happened FROM range(1200)"
    with pytest.raises(DataError, match="happened covers 0 days that are over"):
        calendar(con, tmp_path, minutes)


def test_rows_before_a_hole_are_left_out_and_counted(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    found = calendar(con, tmp_path, f"{hourly(50)} UNION ALL {hourly(24 * 300, '2024-05-01')}")
    assert (found.every, found.keys[0], found.older) == ("month", "2024-05", 50)


@given(st.lists(st.integers(1, 10_000), min_size=3, max_size=30))
def test_no_partition_breaks_its_own_limits_whenever_it_comes(rows: list[int]) -> None:
    from statistics import median

    counts = {str(index): count for index, count in enumerate(rows)}
    low, high = Calendar("month", counts, 0, 0, 0, 28, closed=True, test=1, tune=1).volume
    for index, count in enumerate(rows):
        for others in (rows[:index], rows[:index] + rows[index + 1 :]):
            if others:
                assert low * median(others) <= count <= high * median(others)


def test_rows_later_than_now_are_counted_apart(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    later = (clock.now() + timedelta(days=40)).date().isoformat()
    select = f"{hourly(24 * 366)} UNION ALL {hourly(24 * 5, later)}"
    found = calendar(con, tmp_path, select)
    assert (found.future, len(found.keys), sum(found.counts.values())) == (120, 12, 24 * 366)
    with pytest.raises(DataError, match=r"All 240 rows of t\.csv are later than now, by happened"):
        calendar(con, tmp_path, hourly(240, later))


@pytest.mark.parametrize(("every", "days"), [(1, 28), (4, 7)])
def test_days_with_rows_are_counted(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, every: int, days: int
) -> None:
    select = f"SELECT DATE '2020-01-01' + (range * {every})::INT AS happened FROM range(500)"
    assert calendar(con, tmp_path, select).days == pytest.approx(days, abs=0.1)


def test_a_window_with_one_answer_is_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    changed = "* REPLACE (CASE WHEN placed < '2024-03-25' THEN 'no' ELSE late END AS late)"
    table = opened(con, write_orders(tmp_path / "o.csv", changed))
    target = decide(con, table, column_named(table, "late", "--target"))
    moment = moment_called(con, table, "placed")
    found = make_calendar(con, table, moment, "UTC")
    text = r"In the training window, 2024-01-01 to .*, the answer is no in all [\d,]+ rows"
    with pytest.raises(DataError, match=text):
        refuse_one_class(con, table, target, moment, found, "UTC")
