from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.monitors.cusum import run, watch
from ml_assets.monitors.cusum_limit import K
from ml_assets.monitors.residuals import Residuals
from ml_assets_tests.monitors.labelled import dated, mature, regression, summed
from ml_assets_tests.monitors.world import Change, world

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.monitors.days import Days

STEPS = st.lists(st.floats(-20, 20), max_size=60)
LIMITS = st.floats(0.1, 10)
LIVE = np.datetime64("2014-01-06")


def of(steps: Sequence[float]) -> Residuals:
    values = np.array(steps, dtype=np.float64)
    return Residuals(dated(len(values)), values, np.ones(len(values)))


@cache
def reference() -> Days:
    return world(240, seed=5, features=2)


def live(days: int, seed: int = 7, change: Change | None = None) -> Days:
    return world(days, seed=seed, features=2, change=change, start=str(LIVE))


def test_a_path_by_hand() -> None:
    path = run(of([0.2, 1.5, -0.2, 2.5, 2.0, 0.1, -3.0]), limit=3.0)
    assert path.upper == pytest.approx([0, 1, 0.3, 2.3, 3.8, 0, 0])
    assert path.lower == pytest.approx([0, 0, 0, 0, 0, 0, 2.5])
    (alarm,) = path.alarms
    assert (str(alarm.day), str(alarm.since)) == ("2013-01-11", "2013-01-08")
    assert alarm.direction == "under-predicts"
    assert alarm.value == pytest.approx(3.8)


@given(STEPS, LIMITS)
def test_a_path_is_never_negative_and_starts_anew_after_an_alarm(
    steps: list[float], limit: float
) -> None:
    path = run(of(steps), limit)
    alarmed = {alarm.day for alarm in path.alarms}
    upper = lower = 0.0
    for day, z in enumerate(steps):
        assert path.upper[day] == pytest.approx(max(0.0, upper + z - K))
        assert path.lower[day] == pytest.approx(max(0.0, lower - z - K))
        upper, lower = path.upper[day], path.lower[day]
        beyond = max(upper, lower) > limit
        assert beyond == (path.dates[day] in alarmed)
        if beyond:
            upper = lower = 0.0


@given(STEPS, LIMITS)
def test_the_other_sign_is_the_other_side(steps: list[float], limit: float) -> None:
    path, mirrored = run(of(steps), limit), run(of([-z for z in steps]), limit)
    assert path.upper.tolist() == mirrored.lower.tolist()
    assert [alarm.day for alarm in path.alarms] == [alarm.day for alarm in mirrored.alarms]
    assert all(
        alarm.direction != other.direction
        for alarm, other in zip(path.alarms, mirrored.alarms, strict=True)
    )


@given(STEPS, LIMITS)
def test_the_run_up_begins_where_its_side_last_was_zero(steps: list[float], limit: float) -> None:
    path = run(of(steps), limit)
    for alarm in path.alarms:
        side = path.upper if alarm.direction == "under-predicts" else path.lower
        first, last = (
            int(np.flatnonzero(path.dates == day)[0]) for day in (alarm.since, alarm.day)
        )
        assert (side[first : last + 1] > 0).all()
        restarted = any(other.day == path.dates[first - 1] for other in path.alarms)
        assert first == 0 or side[first - 1] == 0 or restarted


@given(STEPS, LIMITS)
def test_after_an_alarm_the_path_is_that_of_a_new_start(steps: list[float], limit: float) -> None:
    path = run(of(steps), limit)
    for alarm in path.alarms[:1]:
        after = int(np.flatnonzero(path.dates == alarm.day)[0]) + 1
        again = run(of(steps[after:]), limit)
        assert path.upper[after:].tolist() == again.upper.tolist()
        assert len(path.alarms) == 1 + len(again.alarms)


def test_an_alarm_says_what_is_wrong_since_when() -> None:
    found = watch(reference(), live(70, change=Change(since=40, calibration=0.7)), LIVE, seed=0)
    assert found.verdict == "alarm"
    first, last = found.alarms[0], found.alarms[-1]
    assert first.direction == "over-predicts"
    assert found.reason == (
        f"calibration: the model over-predicts since about {last.since}, alarm on {last.day} "
        f"(CUSUM {last.value:.2f}, limit {found.limit:.2f}); {len(found.alarms)} alarms since "
        f"{first.day}, alarms in the 240 days of the reference: {found.fired}"
    )


def test_an_answered_alarm_is_not_raised_again() -> None:
    days = live(70, change=Change(since=20, calibration=1.5))
    healed = days.take(days.dates < LIVE + 30)
    alarm = watch(reference(), healed, LIVE, seed=0).alarms[-1]
    after = watch(reference(), healed, alarm.day + 1, seed=0)
    assert all(other.day > alarm.day for other in after.alarms)
    assert watch(reference(), healed, LIVE + 30, seed=0).alarms == ()


def test_nothing_in_few_days_is_not_enough_data_and_in_many_ok() -> None:
    few = watch(reference(), live(13), LIVE, seed=0)
    assert few.verdict == "not enough data"
    assert few.reason == (
        "calibration: not enough data, 13 days with labels of at least 14 since 2014-01-06"
    )
    many = watch(reference(), live(40), LIVE, seed=0)
    assert many.verdict == "ok"
    assert many.reason.startswith("calibration: no alarm in 40 days since 2014-01-06, CUSUM at ")
    none = watch(reference(), live(40), LIVE + 40, seed=0)
    assert (none.verdict, none.alarms) == ("not enough data", ())


def test_a_great_error_is_an_alarm_from_the_first_days_on() -> None:
    found = watch(reference(), live(6, change=Change(calibration=2.0)), LIVE, seed=0)
    assert found.verdict == "alarm"


def test_few_positives_in_few_days_ask_for_nothing() -> None:
    days = world(30, seed=3, features=2, rows=6, change=Change(calibration=3.0), start=str(LIVE))
    few = days.take(days.dates < LIVE + 13)
    assert few.labelled_label.sum() < 200
    early = watch(reference(), few, LIVE, seed=0)
    # The evidence is beyond the limit; what it is worth is not known.
    assert early.share > 1
    assert (early.verdict, early.alarms) == ("not enough data", ())
    assert "13 days with labels of at least 14 since 2014-01-06" in early.reason
    found = watch(reference(), days, LIVE, seed=0)
    assert (found.verdict, found.alarms[0].day) == ("alarm", LIVE + 13)


def test_a_number_is_no_positive() -> None:
    days = regression(13, 2, bias=-40.0)
    found = watch(regression(240, 1), days, days.dates[0], "regression", seed=0)
    assert found.share > 1
    assert found.verdict == "not enough data"


@pytest.mark.parametrize(
    ("positives", "alarms"),
    [([100, 99, 1, 50, 50, 50, 50, 200], [2, 6, 7]), ([0.0] * 30, [13, 27])],
)
def test_positives_and_days_are_counted_anew_after_an_alarm(
    positives: list[float], alarms: list[int]
) -> None:
    path = run(of([9.0] * len(positives)), 3.0, np.array(positives))
    assert [alarm.day for alarm in path.alarms] == [*path.dates[alarms]]


def test_days_that_wait_for_labels_are_not_watched() -> None:
    """What is known first is no fair part of a day: a flight on time is known before a late one."""
    early = mature(live(30, change=Change(calibration=2.0)), 0.5)
    found = watch(reference(), early, LIVE, seed=1)
    assert found.verdict == "not enough data"
    assert "0 days with labels" in found.reason
    # Rows that never get a label delay nothing.
    known = watch(reference(), replace(early, awaited=np.zeros(30)), LIVE, seed=1)
    assert known.verdict == "alarm"


def test_a_short_reference_gives_no_verdict() -> None:
    short = summed([100] * 27, [20] * 27, [20] * 27)
    found = watch(short, live(40, change=Change(calibration=3.0)), LIVE, seed=0)
    assert found.verdict == "not enough data"
    assert found.reason.endswith("the reference has 27 days with labels of at least 28")


def test_the_replay_of_the_reference_is_rare() -> None:
    fired = [
        watch(world(240, seed=seed, features=2), live(20), LIVE, seed=0).fired or 0
        for seed in range(5)
    ]
    # Five references are 3.3 years, at one alarm a year.
    assert sum(fired) <= 8


def test_the_unit_of_a_regression_label_does_not_matter() -> None:
    bias = np.where(np.arange(60) < 30, 0.0, -4.0)
    first, scaled = (
        watch(
            regression(240, 1, scale=scale),
            regression(60, 2, bias=bias, scale=scale),
            np.datetime64("2013-01-07"),
            "regression",
            seed=0,
        )
        for scale in (1.0, 60.0)
    )
    assert first.verdict == "alarm"
    assert first.alarms[0].direction == "over-predicts"
    assert [alarm.day for alarm in first.alarms] == [alarm.day for alarm in scaled.alarms]
    assert first.limit == pytest.approx(scaled.limit)
