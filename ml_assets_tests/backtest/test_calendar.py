"""The calendar: a partition is looked at when its labels are there, and not before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets import clock
from ml_assets.backtest.calendar import STEP, calendar, closings, most_known
from ml_assets.backtest.outcomes import NEVER, Outcomes, micros
from ml_assets.errors import DataError, DeclarationError
from ml_assets_tests.backtest.world import FIRST

if TYPE_CHECKING:
    from ml_assets.backtest.past import Past

END = datetime(2024, 1, 15, tzinfo=UTC)
Moments = dict[str, datetime]


@pytest.fixture(scope="module")
def found(past: Past) -> Moments:
    """When each week closed."""
    return closings(past)


@given(hours=st.lists(st.none() | st.floats(-100, 1000), min_size=1, max_size=40))
def test_most_are_known_with_95_percent_and_not_before(hours: list[float | None]) -> None:
    times = [NEVER if one is None else micros(END + timedelta(hours=one)) for one in hours]
    label = np.array([np.nan if one is None else 1.0 for one in hours])
    outcomes = Outcomes(np.zeros(len(hours), "datetime64[D]"), label, np.array(times))
    moment, ever = most_known(outcomes, END), sum(one is not None for one in hours)
    assert moment >= END
    assert outcomes.known(moment).sum() >= 0.95 * ever
    if moment > END:
        assert outcomes.known(moment - timedelta(microseconds=1)).sum() < 0.95 * ever


def test_a_week_closes_when_few_parcels_are_awaited(past: Past, found: Moments) -> None:
    window = past.pipeline.partitions.window
    assert list(found) == past.keys
    for key, moment in found.items():
        assert timedelta(days=1) < moment - window(key).end < timedelta(days=4)
        own = past.outcomes[key]
        known, awaited = own.known(moment), awaited_at(past, key, moment)
        assert known.sum() >= 0.95 * (known.sum() + awaited)
        # Parcels that are never delivered are not waited for.
        assert known.sum() < 0.99 * len(known)
        before = moment - STEP
        if before > most_known(own, window(key).end):
            earlier, waiting = own.known(before), awaited_at(past, key, before)
            assert earlier.sum() < 0.95 * (earlier.sum() + waiting)


def awaited_at(past: Past, key: str, moment: datetime) -> int:
    own, settled = past.outcomes[key], past.settled(moment)
    assert settled is not None
    return int((~own.known(moment) & (own.dates > settled)).sum())


def test_ticks_are_those_after_the_opening_and_before_the_last_week(
    past: Past, found: Moments
) -> None:
    made = calendar(past, found, None, None)
    assert made.keys[0] == FIRST
    assert made.opening == past.pipeline.partitions.window(FIRST).start
    # The week before was not closed when the first model had to be there.
    assert [tick.key for tick in made.ticks] == ["2024-01-29", *made.keys[:-1]]
    assert all(tick.moment > made.opening for tick in made.ticks)


def test_ticks_stand_in_order_even_where_a_partition_closes_late(
    past: Past, found: Moments
) -> None:
    late = found["2024-03-04"] + timedelta(days=40)
    made = calendar(past, {**found, "2024-03-04": late}, None, None)
    moments = {tick.keys: tick.moment for tick in made.ticks}
    assert list(moments.values()) == sorted(moments.values())
    assert moments["2024-02-26",] == found["2024-02-26"]
    together = next(keys for keys in moments if "2024-03-04" in keys)
    assert together[:2] == ("2024-03-04", "2024-03-11")
    assert moments[together] == late


def test_what_has_not_got_its_labels_yet_is_not_lived_through(
    past: Past, found: Moments, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = found["2024-03-11"]
    for moment, last in ((closed, "2024-03-11"), (closed - STEP, "2024-03-04")):
        monkeypatch.setenv(clock.NOW, moment.isoformat())
        assert calendar(past, closings(past), None, None).keys[-1] == last


def test_nothing_is_known_of_a_history_without_labels(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(clock.NOW, datetime(2023, 1, 1, tzinfo=UTC).isoformat())
    with pytest.raises(DataError, match="has its labels yet"):
        calendar(past, closings(past), None, None)


def test_from_and_to_are_kept(past: Past, found: Moments) -> None:
    keys = calendar(past, found, "2024-01-22", "2024-02-05").keys
    assert keys == ("2024-01-22", "2024-01-29", "2024-02-05")


@pytest.mark.parametrize(("first", "last"), [("2024-01-29", "2024-01-29"), ("2024-03-04", FIRST)])
def test_a_past_in_which_nothing_is_decided_is_refused(
    past: Past, found: Moments, first: str, last: str | None
) -> None:
    with pytest.raises(DataError, match="no policy has anything to decide"):
        calendar(past, found, first, last)


def test_a_first_model_needs_two_weeks_with_labels(past: Past, found: Moments) -> None:
    with pytest.raises(DataError, match="When 2024-01-15 began, 1 partition had labels"):
        calendar(past, found, "2024-01-15", None)
    made = calendar(past, found, "2024-01-22", None)
    assert made.closed(made.opening) == ["2024-01-01", "2024-01-08"]


def test_a_key_that_is_no_partition_is_named(past: Past, found: Moments) -> None:
    with pytest.raises(DeclarationError, match="2024-02-06 is no closed partition"):
        calendar(past, found, "2024-02-06", None)
