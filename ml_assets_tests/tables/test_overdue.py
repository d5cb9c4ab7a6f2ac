from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.tables.overdue import expected, freshness_found
from ml_assets.tables.plan import Stored
from ml_assets.warehouse.ledger import Slice
from ml_assets_tests.sandbox import copied, example

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Pipeline

NEW_YORK = ZoneInfo("America/New_York")
STARTS = {"day": "2013-01-01", "week": "2013-01-07", "month": "2013-01"}
BEGIN = datetime(2012, 12, 1, tzinfo=UTC)
moments = st.integers(0, 430 * 24 * 60).map(lambda minutes: BEGIN + timedelta(minutes=minutes))


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pipeline]:
    """Histories that go on, by the length of their partitions."""
    found = {}
    for every, start in STARTS.items():
        box = copied(example("flights"), tmp_path_factory.mktemp(every))
        box.declare(partial(_cut, {"every": every, "start": start}))
        found[every] = box.pipeline
    return found


def _cut(partitions: dict[str, str], declared: dict[str, Any]) -> None:
    declared["partitions"] = partitions


def stored(*keys: str) -> Stored:
    return Stored(
        Slice(
            table="features.schedule",
            partition=key,
            code_version="c",
            data_version="d",
            rows_in=1,
            rows_kept=1,
            run_id="run",
            built_at=datetime(2013, 1, 1, tzinfo=UTC),
        )
        for key in keys
    )


@pytest.mark.parametrize("every", STARTS)
@given(now=moments)
def test_the_newest_slice_whose_grace_is_over_is_expected(
    every: str, now: datetime, histories: dict[str, Pipeline]
) -> None:
    pipeline = histories[every]
    grace = timedelta(days=pipeline.declaration.monitoring.grace_days)
    found = expected(pipeline, now)
    following = STARTS[every] if found is None else pipeline.partitions.after(found)

    def due(key: str) -> datetime:
        # Whole days of grace end at the local hour the window does, also when clocks change.
        return pipeline.partitions.window(key).end.astimezone(NEW_YORK) + grace

    assert found is None or due(found) <= now.astimezone(NEW_YORK)
    assert due(following) > now.astimezone(NEW_YORK)


def test_days_of_grace_are_counted_from_the_end_of_the_window(
    histories: dict[str, Pipeline],
) -> None:
    month = histories["month"]
    assert expected(month, datetime(2013, 2, 2, 23, 59, tzinfo=NEW_YORK)) is None
    assert expected(month, datetime(2013, 2, 3, tzinfo=NEW_YORK)) == "2013-01"
    assert expected(histories["day"], datetime(2013, 2, 3, tzinfo=NEW_YORK)) == "2013-01-31"


def test_a_day_of_25_hours_is_one_day_of_grace(histories: dict[str, Pipeline]) -> None:
    day = histories["day"]
    # Clocks went back on 3 November.
    assert expected(day, datetime(2013, 11, 5, 4, 59, tzinfo=UTC)) == "2013-11-01"
    assert expected(day, datetime(2013, 11, 5, 5, tzinfo=UTC)) == "2013-11-02"
    assert "due by 2013-11-05" in freshness_found(day, stored(), 1, "2013-11-02").reason


def test_nothing_is_expected_of_a_closed_history(tmp_path_factory: pytest.TempPathFactory) -> None:
    closed = copied(example("flights"), tmp_path_factory.mktemp("closed")).pipeline
    assert expected(closed, datetime(2030, 1, 1, tzinfo=UTC)) is None


def test_a_slice_that_is_not_there_is_broken(histories: dict[str, Pipeline]) -> None:
    month = histories["month"]
    found = freshness_found(month, stored("2013-01", "2013-02"), 3, "2013-03")
    assert (found.cause, found.verdict, found.period) == ("freshness", "broken", "2013-03")
    assert found.reason == (
        "features.schedule lacks 2013-03, which was due by 2013-04-03; the newest it has is 2013-02"
    )
    assert found.event_time == month.partitions.window("2013-03").end
    assert found.model_version == 3
    there = freshness_found(month, stored("2013-01", "2013-03"), 3, "2013-03")
    assert (there.verdict, there.reason) == (
        "ok",
        "features.schedule has 2013-03, which was due by 2013-04-03",
    )
    assert "the newest it has is none" in freshness_found(month, stored(), 3, "2013-03").reason
