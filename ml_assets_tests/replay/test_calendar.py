from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ml_assets.component.folder import load_folder
from ml_assets.errors import MLAssetsError
from ml_assets.replay.calendar import Tick, decisions_between, opened, refresh_after, ticks
from ml_assets.tables.declaration import PartitionSpec, ScheduleSpec
from ml_assets_tests.sandbox import example

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Pipeline


@pytest.fixture(scope="module")
def flights() -> Pipeline:
    return load_folder(example("flights"))


def by_day(flights: Pipeline, cron: str | None) -> Pipeline:
    """Return flights cut into days and refreshed at `cron`."""
    changes = {
        "partitions": PartitionSpec(every="day", start="2013-03-01"),
        "schedule": None if cron is None else ScheduleSpec(cron=cron),
    }
    return replace(flights, declaration=flights.declaration.model_copy(update=changes))


def test_months_are_refreshed_when_the_schedule_says_by_local_clocks(flights: Pipeline) -> None:
    found = ticks(opened(flights), "2013-10", "2013-12")
    assert found == [
        Tick(
            datetime(2013, 10, 2, 9, tzinfo=UTC),
            tuple(f"2013-{month:02d}" for month in range(1, 10)),
        ),
        Tick(datetime(2013, 11, 2, 9, tzinfo=UTC), ("2013-10",)),
        # Clocks were set back on 3 November.
        Tick(datetime(2013, 12, 2, 10, tzinfo=UTC), ("2013-11",)),
        Tick(datetime(2014, 1, 2, 10, tzinfo=UTC), ("2013-12",)),
    ]


def test_no_search_begins_where_a_later_one_ended(flights: Pipeline) -> None:
    """What flights declares was found on May to August, which a replay lives through."""
    assert flights.declaration.model.tuning.start
    lived = opened(flights).declaration.model
    assert lived.tuning.start == {}
    assert lived.tuning.trials == flights.declaration.model.tuning.trials


def test_partitions_between_two_refreshes_come_together(flights: Pipeline) -> None:
    found = ticks(by_day(flights, "0 5 * * 1"), "2013-03-08", "2013-03-12")
    assert [tick.partitions for tick in found[1:]] == [
        ("2013-03-08", "2013-03-09", "2013-03-10"),
        ("2013-03-11", "2013-03-12"),
    ]
    assert found[0].partitions[-1] == "2013-03-07"
    assert found[0].at == found[1].at


def test_without_a_schedule_the_daily_decision_counts(flights: Pipeline) -> None:
    pipeline = by_day(flights, None)
    assert refresh_after(pipeline, "2013-03-09") == datetime(2013, 3, 10, 10, 30, tzinfo=UTC)


def test_decisions_are_made_daily_between_two_refreshes(flights: Pipeline) -> None:
    start, end = datetime(2013, 3, 9, 11, 30, tzinfo=UTC), datetime(2013, 3, 12, 10, 30, tzinfo=UTC)
    assert decisions_between(flights, start, end) == [
        datetime(2013, 3, 10, 10, 30, tzinfo=UTC),
        datetime(2013, 3, 11, 10, 30, tzinfo=UTC),
    ]


def test_an_opened_history_ends_with_the_clock(flights: Pipeline) -> None:
    keys = opened(flights).partitions.keys(datetime(2013, 5, 2, tzinfo=UTC))
    assert keys == ["2013-01", "2013-02", "2013-03", "2013-04"]
    assert opened(flights).nodes == flights.nodes


def test_bounds_without_a_replay_are_refused(flights: Pipeline) -> None:
    pipeline = opened(flights)
    with pytest.raises(MLAssetsError, match="0 partitions before 2013-01, fewer than 3") as few:
        ticks(pipeline, "2013-01", "2013-12")
    assert few.value.hint == "Begin with 2013-04, by when their labels are there."
    with pytest.raises(MLAssetsError, match="--from 2013-05 is after --to 2013-04"):
        ticks(pipeline, "2013-05", "2013-04")


def test_the_hint_names_a_beginning_by_which_labels_that_look_ahead_are_there() -> None:
    with pytest.raises(MLAssetsError, match="can hold the labels of 2 then, fewer than 3") as few:
        ticks(opened(load_folder(example("shop"))), "1997-06", "1998-06")
    assert few.value.hint == "Begin with 1998-01, by when their labels are there."
