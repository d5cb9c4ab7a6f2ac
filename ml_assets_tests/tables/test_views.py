"""The windows a monitor looks at: of months as they are, of days four weeks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.monitors.days import Days
from ml_assets.monitors.reference import Reference
from ml_assets.tables.days import days_arrow, days_table
from ml_assets.tables.looks import false_alarm_rate
from ml_assets.tables.views import View, views
from ml_assets.warehouse.slices import ensure_table
from ml_assets_tests.monitors.world import world
from ml_assets_tests.sandbox import copied, example

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from ml_assets.tables.pipeline import Pipeline

START = date(2013, 1, 1)
DAYS = world(120, rows=5, start=START.isoformat())
NOTHING = Reference(Days.empty(), {}, {})


def looking(days: Days, last: date, length: int) -> View:
    ends = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    return View("", 1, ends, last, length, length, NOTHING, days, np.datetime64(START))


@st.composite
def windows(draw: st.DrawFn) -> View:
    """A view of days with gaps, none of them after its end."""
    chosen = sorted(draw(st.sets(st.integers(0, 119))))
    last = draw(st.integers(max(chosen, default=0), 125))
    length = draw(st.sampled_from([1, 7, 28, 31]))
    return looking(DAYS.take(np.array(chosen, np.int64)), START + timedelta(days=last), length)


@given(windows())
def test_the_window_holds_the_last_days_and_no_other(seen: View) -> None:
    first = seen.last - timedelta(days=seen.length - 1)
    wanted = [day for day in seen.days.dates.tolist() if first <= day <= seen.last]
    assert seen.window.dates.tolist() == wanted
    assert seen.first_day == np.datetime64(first)


@given(windows())
def test_window_and_past_hold_every_day_once_in_order(seen: View) -> None:
    blocks = [block for _, block in seen.past] + [seen.window]
    days = [day for block in blocks for day in block.dates.tolist()]
    assert days == seen.days.dates.tolist()
    assert sum(block.rows.sum() for block in blocks) == seen.days.rows.sum()


@given(windows())
def test_earlier_windows_are_as_long_and_end_where_the_next_begins(seen: View) -> None:
    for name, block in seen.past:
        dates = block.dates.tolist()
        assert name == str(dates[-1])
        before = {(seen.last - day).days // seen.length for day in dates}
        assert len(before) == 1
        assert before != {0}


def test_nothing_was_before_the_first_window() -> None:
    assert looking(Days.empty(), START, 28).past == []
    assert len(looking(Days.empty(), START, 28).window) == 0
    assert looking(DAYS.take(slice(0, 28)), START + timedelta(days=27), 28).past == []


@pytest.fixture
def of_months(tmp_path: Path) -> Pipeline:
    return copied(example("flights"), tmp_path / "months").pipeline


@pytest.fixture
def of_days(tmp_path: Path) -> Pipeline:
    box = copied(example("flights"), tmp_path / "days")
    days = {"every": "day", "start": "2013-01-01", "end": "2013-12-31"}
    box.declare(lambda declared: declared.update(partitions=days))
    return box.pipeline


def store(con: duckdb.DuckDBPyConnection, pipeline: Pipeline, version: int, days: Days) -> None:
    """Store days as monitoring.days has them."""
    table = days_table(pipeline)
    ensure_table(con, "flights", "monitoring", "days", table.types)
    con.register("_days", days_arrow(version, days, None))
    key = pipeline.partitions.key_sql("date")
    con.execute(f"INSERT INTO flights.monitoring.days SELECT {table.casts}, {key} FROM _days")


def test_a_month_is_looked_at_whole(lake: duckdb.DuckDBPyConnection, of_months: Pipeline) -> None:
    store(lake, of_months, 1, DAYS)
    for key, days, first in (
        ("2013-01", 31, "2013-01-01"),
        ("2013-02", 28, "2013-02-01"),
        ("2013-03", 31, "2013-03-01"),
        ("2013-04", 30, "2013-04-01"),
    ):
        seen = views(lake, of_months, lambda _: NOTHING)(key, None)
        assert seen is not None
        assert (seen.name, seen.length, str(seen.first_day)) == (key, days, first)
        assert len(seen.window) == days
        assert {str(day)[:7] for day in seen.window.dates} == {key}
        assert false_alarm_rate(of_months, seen) == pytest.approx(days / 365)
        assert seen.ends == of_months.partitions.window(key).end
        # What came later was not known then.
        assert seen.days.dates.tolist()[-1] == seen.last


def test_a_day_is_looked_at_with_the_four_weeks_before_it(
    lake: duckdb.DuckDBPyConnection, of_days: Pipeline
) -> None:
    store(lake, of_days, 1, DAYS)
    seen = views(lake, of_days, lambda _: NOTHING)("2013-04-10", None)
    assert seen is not None
    assert (seen.length, seen.last, len(seen.window)) == (28, date(2013, 4, 10), 28)
    assert str(seen.first_day) == "2013-03-14"
    # 100 days: three whole windows of four weeks, and 16 days.
    assert [(name, len(days)) for name, days in seen.past] == [
        ("2013-01-16", 16),
        ("2013-02-13", 28),
        ("2013-03-13", 28),
    ]
    # There is a look a day, so that each has a day's share of the year's false alarms.
    assert false_alarm_rate(of_days, seen) == pytest.approx(1 / 365)
    # Clocks went forward on 10 March, and every day stayed one.
    clocks = views(lake, of_days, lambda _: NOTHING)("2013-03-10", None)
    assert clocks is not None
    assert (clocks.last, str(clocks.first_day)) == (date(2013, 3, 10), "2013-02-11")


def test_evidence_is_added_up_from_where_a_retraining_answered_it(
    lake: duckdb.DuckDBPyConnection, of_months: Pipeline
) -> None:
    store(lake, of_months, 1, DAYS.take(slice(3, 120)))
    answered = of_months.partitions.window("2013-02").end
    since = []
    for moment in (None, datetime(2012, 5, 1, tzinfo=UTC), answered):
        seen = views(lake, of_months, lambda _: NOTHING)("2013-04", moment)
        assert seen is not None
        # The window and what was before it stay as they are.
        assert (len(seen.window), len(seen.days)) == (30, 117)
        since.append(str(seen.since))
    assert since == ["2013-01-04", "2013-01-04", "2013-03-01"]


def test_only_the_version_that_scored_the_window_is_looked_at(
    lake: duckdb.DuckDBPyConnection, of_days: Pipeline
) -> None:
    asked = []

    def reference(version: int) -> Reference:
        asked.append(version)
        return NOTHING

    store(lake, of_days, 1, DAYS.take(slice(0, 60)))
    store(lake, of_days, 2, DAYS.take(slice(60, 70)))
    seen = views(lake, of_days, reference)("2013-03-05", None)
    assert seen is not None
    assert (seen.version, asked) == (2, [2])
    assert [str(day) for day in seen.days.dates] == [
        "2013-03-02", "2013-03-03", "2013-03-04", "2013-03-05"
    ]  # fmt: skip
    assert seen.past == []
    assert views(lake, of_days, reference)("2013-06-01", None) is None
