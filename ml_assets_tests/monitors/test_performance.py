from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from ml_assets.monitors.excess import mean_excess
from ml_assets.monitors.findings import Terms
from ml_assets.monitors.performance import excess_limit, judge_performance
from ml_assets_tests.monitors.labelled import mature, regression, summed
from ml_assets_tests.monitors.world import Change, world

if TYPE_CHECKING:
    from ml_assets.monitors.days import Days

TERMS = Terms(problem="binary", rate=0.05, seed=0)
REGRESSION = Terms(problem="regression", rate=0.05, seed=0)
SUMS = st.tuples(st.integers(1, 10_000), st.floats(0, 1), st.floats(0, 1))


@cache
def reference() -> Days:
    return world(240, seed=5, features=2)


def month(seed: int = 7, change: Change | None = None) -> Days:
    return world(28, seed=seed, features=2, change=change)


def alarms(references: int, windows: int, length: int = 240, rows: int = 400) -> int:
    """Alarms in fresh windows of 28 days, `windows` for each of the references."""
    found = 0
    for seed in range(references):
        usual = world(length, seed=seed, features=2)
        fresh = world(28 * windows, seed=5000 + seed, rows=rows, features=2)
        # The weekdays and rows of all windows are the same, and so is their limit.
        limit = excess_limit(usual, fresh.take(slice(0, 28)), TERMS)
        for first in range(0, len(fresh), 28):
            found += mean_excess(fresh.take(slice(first, first + 28)), "binary") > limit
    return found


@pytest.mark.slow
def test_false_alarms_come_at_the_set_rate() -> None:
    low, high = binom.ppf([0.025, 0.975], 200, TERMS.rate)
    assert low <= alarms(references=40, windows=5) <= high


@pytest.mark.slow
@pytest.mark.parametrize("length", [60, 180, 240])
def test_false_alarms_come_at_the_set_rate_in_a_thousand_windows(length: int) -> None:
    found = alarms(references=200, windows=5, length=length)
    low, high = binom.ppf([0.025, 0.975], 1000, TERMS.rate)
    assert low <= found <= high


@pytest.mark.slow
@pytest.mark.parametrize("length", [90, 240])
def test_days_that_last_alarm_at_about_the_set_rate(length: int) -> None:
    found = 0
    for seed in range(300):
        usual = world(length, seed=seed, rows=150, features=2, persistence=0.5)
        days = world(28, seed=5000 + seed, rows=150, features=2, persistence=0.5)
        found += mean_excess(days, "binary") > excess_limit(usual, days, TERMS)
    assert found <= binom.ppf(0.975, 300, 1.4 * TERMS.rate)


@pytest.mark.slow
def test_a_window_with_few_rows_alarms_too_seldom_rather_than_too_often() -> None:
    assert alarms(references=100, windows=5, rows=60) <= 0.05 * 500


def test_a_model_that_under_predicts_loses_more_than_it_expects() -> None:
    usual = reference()
    found = [month(seed, Change(calibration=1.2)) for seed in range(40)]
    limit = excess_limit(usual, found[0], TERMS)
    assert np.mean([mean_excess(days, "binary") > limit for days in found]) >= 0.95


def test_a_harder_month_is_no_alarm() -> None:
    """The raw loss grows as chances come nearer to one half, the excess does not."""
    usual = reference()
    hard = [month(seed, Change(shift={"x0": 0.5})) for seed in range(60)]
    raw = [days.labelled_loss.sum() / days.labelled.sum() for days in hard]
    highest = max(
        month(seed).labelled_loss.sum() / month(seed).labelled.sum() for seed in range(60)
    )
    assert np.mean(np.array(raw) > highest) > 0.9
    limit = excess_limit(usual, hard[0], TERMS)
    assert sum(mean_excess(days, "binary") > limit for days in hard) <= binom.ppf(0.999, 60, 0.05)


def test_a_finding_says_it_in_numbers() -> None:
    found = judge_performance(reference(), month(change=Change(calibration=1.2)), "2013-06", TERMS)
    assert found.verdict == "alarm"
    assert found.replay
    assert found.replay.windows == 8
    assert found.realised.loss
    assert found.realised.excess
    loss, excess, limit = (
        f"{value:.{digits}f}".removeprefix("0")
        for value, digits in (
            (found.realised.loss.value, 2),
            (found.realised.excess.value, 3),
            (found.limit or 0, 3),
        )
    )
    assert found.reason == (
        f"performance: loss {loss} in 2013-06, {excess} more than the model expects of itself, "
        f"beyond the limit of {limit}; {found.replay}"
    )
    easy = judge_performance(reference(), month(change=Change(calibration=0.8)), "2013-06", TERMS)
    assert easy.verdict == "ok"
    assert "less than the model expects of itself, within the limit" in easy.reason


def test_an_open_window_is_not_judged() -> None:
    days = mature(month(change=Change(calibration=2.0)), 0.5)
    found = judge_performance(reference(), days, "2013-06", TERMS)
    assert found.verdict == "not enough data"
    assert found.limit is None
    assert found.reason == (
        "performance: not enough data in 2013-06, 5,600 of 11,200 labels are missing "
        "(coverage .50 of at least .95)"
    )


@settings(max_examples=20)
@given(st.lists(SUMS, max_size=13), st.sampled_from([TERMS, REGRESSION]))
def test_few_days_are_never_judged(sums: list[tuple[int, float, float]], terms: Terms) -> None:
    label = [round(n * y) for n, y, _ in sums]
    days = summed([n for n, _, _ in sums], label, [n * p for n, _, p in sums])
    found = judge_performance(reference(), days, "2013-06", terms)
    assert found.verdict == "not enough data"
    assert found.limit is None


def test_few_positives_are_never_judged() -> None:
    days = summed([400] * 28, [7] * 28, [70] * 28)
    found = judge_performance(reference(), days, "2013-06", TERMS)
    assert found.verdict == "not enough data"
    assert "196 positives of at least 200" in found.reason


def test_the_loss_of_a_regression_model_is_judged_as_it_is() -> None:
    usual = judge_performance(regression(240, 1), regression(28, 2), "2013-06", REGRESSION)
    assert usual.verdict == "ok"
    worse = judge_performance(
        regression(240, 1), regression(28, 2, bias=6.0), "2013-06", REGRESSION
    )
    assert worse.verdict == "alarm"
    assert worse.realised.loss
    assert worse.reason.startswith(
        f"performance: loss {worse.realised.loss.value:.2f} in 2013-06, beyond the limit of 8."
    )


@pytest.mark.parametrize("scale", [0.001, 60.0])
def test_the_unit_of_a_regression_label_only_scales_the_limit(scale: float) -> None:
    first, scaled = (
        excess_limit(regression(240, 1, scale=unit), regression(28, 2, scale=unit), REGRESSION)
        for unit in (1.0, scale)
    )
    assert scaled == pytest.approx(scale * first)
