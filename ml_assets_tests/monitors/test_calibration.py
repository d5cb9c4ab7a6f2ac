from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from ml_assets.monitors.calibration import band_of, judge_calibration
from ml_assets.monitors.findings import Terms
from ml_assets_tests.monitors.labelled import correlated, mature, regression, summed
from ml_assets_tests.monitors.world import Change, world

if TYPE_CHECKING:
    from ml_assets.monitors.days import Days

TERMS = Terms(problem="binary", rate=0.05, seed=0)
REGRESSION = Terms(problem="regression", rate=0.05, seed=0)
SUMS = st.tuples(st.integers(1, 10_000), st.floats(0, 1), st.floats(0, 1))


@cache
def reference() -> Days:
    return world(240, seed=5, features=2)


def month(seed: int = 7, days: int = 28, **change: float) -> Days:
    return world(days, seed=seed, features=2, change=Change(**change))  # type: ignore[arg-type]


def alarms(references: int, windows: int, length: int = 240, rows: int = 400) -> int:
    """Alarms in fresh windows of 28 days, `windows` for each of the references."""
    found = 0
    for seed in range(references):
        usual = world(length, seed=seed, features=2)
        fresh = world(28 * windows, seed=5000 + seed, rows=rows, features=2)
        for first in range(0, len(fresh), 28):
            found += band_of(usual, fresh.take(slice(first, first + 28)), TERMS).beyond
    return found


@pytest.mark.slow
def test_false_alarms_come_at_the_set_rate() -> None:
    low, high = binom.ppf([0.025, 0.975], 200, TERMS.rate)
    assert low <= alarms(references=40, windows=5) <= high


@pytest.mark.slow
@pytest.mark.parametrize(("length", "rows"), [(240, 400), (180, 400), (180, 60), (180, 4000)])
def test_false_alarms_come_at_the_set_rate_in_a_thousand_windows(length: int, rows: int) -> None:
    found = alarms(references=200, windows=5, length=length, rows=rows)
    low, high = binom.ppf([0.025, 0.975], 1000, TERMS.rate)
    assert low <= found <= high


@pytest.mark.parametrize(("factor", "detected"), [(1.1, 0.5), (1.2, 0.99), (0.8, 0.99)])
def test_a_model_that_is_wrong_all_month_is_found(factor: float, detected: float) -> None:
    usual = reference()
    found = [band_of(usual, month(seed, calibration=factor), TERMS) for seed in range(60)]
    assert np.mean([band.beyond for band in found]) >= detected
    assert all((band.z > 0) == (factor > 1) for band in found if band.beyond)


def test_the_band_is_that_of_days_not_of_rows() -> None:
    band = band_of(reference(), month(), TERMS)
    rows_only = 1.96 * np.sqrt(month().labelled_variance.sum()) / month().labelled_score.sum()
    assert band.high - 1 > 1.8 * rows_only
    assert band.high - 1 == pytest.approx(1 - band.low)
    assert band.beyond == (not band.low <= band.value <= band.high)


def test_a_finding_says_it_in_numbers() -> None:
    found = judge_calibration(reference(), month(calibration=1.2), "2013-06", TERMS)
    band = found.band
    assert band
    assert found.verdict == "alarm"
    assert found.replay
    assert found.replay.windows == 8
    assert found.reason == (
        f"calibration: observed / expected {band.value:.2f} in 2013-06, band .{band.low * 100:.0f} "
        f"to {band.high:.2f}: the model under-predicts; "
        f"{found.replay.fired} of 8 windows of the reference would have fired"
    )
    less = judge_calibration(reference(), month(calibration=0.8), "2013-06", TERMS)
    assert "the model over-predicts" in less.reason
    usual = judge_calibration(reference(), month(), "2013-06", TERMS)
    assert usual.verdict == "ok"
    assert "within the band" in usual.reason


def test_a_band_that_the_reference_leaves_often_gives_no_verdict() -> None:
    often = replace(TERMS, rate=0.5)
    for factor in (1.0, 1.5):
        found = judge_calibration(reference(), month(calibration=factor), "2013-06", often)
        assert found.replay
        assert found.replay.fired > 8 / 3
        assert found.verdict == "not enough data"
        assert found.reason.endswith(
            "windows of the reference would have fired, too many for a verdict"
        )


@settings(max_examples=20)
@given(st.lists(SUMS, max_size=13), st.integers(0, 5))
def test_few_days_are_never_judged(sums: list[tuple[int, float, float]], empty: int) -> None:
    rows = [n for n, _, _ in sums] + [0] * empty
    label = [round(n * y) for n, y, _ in sums] + [0] * empty
    score = [n * p for n, _, p in sums] + [0.0] * empty
    for terms in (TERMS, REGRESSION):
        found = judge_calibration(reference(), summed(rows, label, score), "2013-06", terms)
        assert found.verdict == "not enough data"
        assert found.band is None
        assert f"the window has {len(sums)} days with labels of at least 14" in found.reason


@settings(max_examples=20)
@given(st.lists(SUMS, min_size=14, max_size=40))
def test_few_positives_are_never_judged(sums: list[tuple[int, float, float]]) -> None:
    label = [min(n, int(5 * y)) for n, y, _ in sums]
    assume(sum(label) < 200)
    days = summed([n for n, _, _ in sums], label, [n * p for n, _, p in sums])
    found = judge_calibration(reference(), days, "2013-06", TERMS)
    assert found.verdict == "not enough data"
    assert f"the window has {sum(label)} positives of at least 200" in found.reason


@settings(max_examples=20)
@given(st.lists(SUMS, min_size=14, max_size=40))
def test_enough_data_is_always_judged(sums: list[tuple[int, float, float]]) -> None:
    label = [round(n * y) for n, y, _ in sums]
    assume(sum(label) >= 200)
    days = summed([n for n, _, _ in sums], label, [n * p for n, _, p in sums])
    band = judge_calibration(reference(), days, "2013-06", TERMS).band
    assert band
    assert 0 <= band.low <= 1 <= band.high
    assert band.beyond == (abs(band.z) > band.limit)
    if days.labelled_score.sum() > 1e-6:
        assert band.beyond == (not band.low <= band.value <= band.high)


def test_a_window_that_waits_for_labels_is_not_judged() -> None:
    found = judge_calibration(reference(), mature(month(calibration=2.0), 0.9), "2013-06", TERMS)
    assert found.verdict == "not enough data"
    assert "coverage .90 of at least .95" in found.reason


def test_a_short_reference_gives_no_verdict() -> None:
    short = world(13, features=2)
    found = judge_calibration(short, month(calibration=2.0), "2013-06", TERMS)
    assert found.verdict == "not enough data"


def test_a_model_that_expects_nothing_is_wrong() -> None:
    days = summed([400] * 28, [80] * 28, [0] * 28)
    found = judge_calibration(reference(), days, "2013-06", TERMS)
    assert found.verdict == "alarm"
    assert "the model under-predicts" in found.reason


def test_a_day_more_or_less_without_labels_changes_nothing() -> None:
    days = month(days=29)
    last = np.arange(29) == 28
    open_day = mature(days, np.where(last, 0.0, 1.0))
    assert judge_calibration(reference(), open_day, "2013-06", TERMS) == judge_calibration(
        reference(), days.take(~last), "2013-06", TERMS
    )


def test_a_regression_model_has_its_mean_residual_in_a_band_around_zero() -> None:
    usual = judge_calibration(regression(240, 1), regression(28, 2), "2013-06", REGRESSION)
    assert usual.verdict == "ok"
    assert usual.band
    assert usual.band.low == -usual.band.high
    assert usual.band.high == pytest.approx(1.96 * np.sqrt(10 / 28), rel=0.15)
    wrong = judge_calibration(regression(240, 1), regression(28, 2, 3.0), "2013-06", REGRESSION)
    assert wrong.verdict == "alarm"
    assert wrong.reason.startswith("calibration: observed minus expected 3.")


@pytest.mark.parametrize("scale", [0.001, 60.0])
def test_the_unit_of_a_regression_label_only_scales_the_band(scale: float) -> None:
    first, scaled = (
        band_of(regression(240, 1, scale=unit), regression(28, 2, 1.0, scale=unit), REGRESSION)
        for unit in (1.0, scale)
    )
    assert (first.z, first.limit) == pytest.approx((scaled.z, scaled.limit))
    assert scaled.high == pytest.approx(scale * first.high)
    assert scaled.value == pytest.approx(scale * first.value)


@pytest.mark.slow
@pytest.mark.parametrize("length", [90, 240])
def test_days_that_last_alarm_at_about_the_set_rate(length: int) -> None:
    found = 0
    for seed in range(200):
        usual = correlated(length, 0.5, seed)
        found += band_of(usual, correlated(28, 0.5, 5000 + seed), TERMS).beyond
    assert found <= binom.ppf(0.975, 200, 1.5 * TERMS.rate)


@pytest.mark.slow
def test_the_replay_of_days_that_last_fires_at_about_the_set_rate() -> None:
    fired = windows = 0
    for seed in range(40):
        usual = correlated(240, 0.6, seed)
        found = judge_calibration(usual, correlated(28, 0.6, 500 + seed), "2013-06", TERMS)
        assert found.replay
        fired, windows = fired + found.replay.fired, windows + found.replay.windows
    assert fired / windows < 2 * TERMS.rate
