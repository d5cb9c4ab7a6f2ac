from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import binom

from ml_assets.monitors.estimate import LossEstimate, check_of, estimate_loss
from ml_assets.monitors.excess import mean_excess
from ml_assets.monitors.findings import Terms
from ml_assets_tests.monitors.labelled import mature, regression
from ml_assets_tests.monitors.world import Change, world

if TYPE_CHECKING:
    from ml_assets.monitors.days import Days

TERMS = Terms(problem="binary", rate=0.05, seed=0)


@cache
def reference() -> Days:
    return world(240, seed=5, features=2)


def month(seed: int = 7, change: Change | None = None) -> Days:
    return world(28, seed=seed, features=2, change=change)


def with_past(*past: Days) -> LossEstimate:
    named = [(f"2013-{number:02d}", days) for number, days in enumerate(past, start=1)]
    return estimate_loss(reference(), mature(month(), 0.0), "2013-06", named, TERMS)


WRONG = Change(calibration=1.5)


@pytest.mark.parametrize("shift", [0.0, 0.5, -0.5])
def test_an_estimate_without_labels_is_near_what_they_say_later(shift: float) -> None:
    errors = []
    for seed in range(30):
        days = month(seed, Change(shift={"x0": shift}))
        found = estimate_loss(reference(), mature(days, 0.0), "2013-06", [], TERMS)
        assert found.loss
        errors.append(days.labelled_loss.sum() / days.labelled.sum() - found.loss)
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(30) < 0.01


def test_an_estimate_is_not_trusted_before_a_window_has_closed() -> None:
    for found in (with_past(), with_past(mature(month(8), 0.5)), with_past(mature(month(8), 0.0))):
        assert (found.verdict, found.trusted, found.checks) == ("not enough data", False, ())
        assert found.loss
        assert found.reason == (
            f"estimate: loss .{100 * found.loss:.0f} in 2013-06 by the model's own probabilities, "
            "not trusted: no window of the model has closed yet"
        )


def test_an_estimate_that_held_is_trusted() -> None:
    found = with_past(month(8), month(9))
    assert (found.verdict, found.trusted) == ("ok", True)
    assert [check.window for check in found.checks] == ["2013-01", "2013-02"]
    last = found.checks[-1]
    assert last.error == pytest.approx(last.realised - last.estimated)
    assert "trusted: 0 of the 2 latest closed windows beyond the limit, 2013-02 " in found.reason
    assert "not trusted" not in found.reason


def test_an_estimate_that_missed_the_latest_windows_is_not_trusted() -> None:
    found = with_past(month(8), month(9, WRONG))
    assert [check.beyond for check in found.checks] == [False, True]
    assert found.trusted
    later = with_past(month(8), month(9, WRONG), month(10, WRONG))
    assert (later.verdict, later.trusted) == ("alarm", False)
    assert "not trusted: 2 of the 3 latest closed windows beyond the limit" in later.reason


def test_old_windows_and_open_ones_do_not_count() -> None:
    found = with_past(
        month(1, WRONG),
        month(2, WRONG),
        month(3),
        month(4),
        month(5),
        mature(month(6, WRONG), 0.5),
    )
    assert [check.window for check in found.checks] == ["2013-03", "2013-04", "2013-05"]
    assert found.trusted


def test_an_easier_month_than_expected_is_an_error_as_well() -> None:
    check = check_of(reference(), month(8, Change(calibration=0.6)), "2013-01", TERMS)
    assert check.error < 0
    assert check.beyond


def beyond(references: int, windows: int) -> int:
    found = 0
    for seed in range(references):
        usual = world(240, seed=seed, features=2)
        fresh = world(28 * windows, seed=5000 + seed, features=2)
        limit = check_of(usual, fresh.take(slice(0, 28)), "", TERMS).limit
        for first in range(0, len(fresh), 28):
            excess = mean_excess(fresh.take(slice(first, first + 28)), "binary")
            found += abs(excess) > limit
    return found


@pytest.mark.slow
def test_errors_are_beyond_their_limit_at_the_set_rate() -> None:
    assert beyond(references=40, windows=5) <= binom.ppf(0.975, 200, TERMS.rate)


@pytest.mark.slow
def test_errors_are_beyond_their_limit_at_the_set_rate_in_a_thousand_windows() -> None:
    low, high = binom.ppf([0.025, 0.975], 1000, TERMS.rate)
    assert low / 2 <= beyond(references=200, windows=5) <= high


def test_few_days_give_no_estimate() -> None:
    days = month().take(slice(0, 13))
    found = estimate_loss(reference(), days, "2013-06", [], TERMS)
    assert (found.verdict, found.loss) == ("not enough data", None)
    assert found.reason == (
        "estimate: none in 2013-06, the window has 13 days with rows of at least 14"
    )


def test_a_regression_model_gives_no_estimate() -> None:
    terms = Terms(problem="regression", rate=0.05, seed=0)
    past = [("2013-05", regression(28, 3))]
    found = estimate_loss(regression(240, 1), regression(28, 2), "2013-06", past, terms)
    assert (found.verdict, found.loss, found.trusted) == ("not enough data", None, False)
    assert "a regression model's answers do not say how far off they may be" in found.reason
