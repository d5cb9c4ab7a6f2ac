from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from ml_assets.errors import DataError
from ml_assets.monitors.days import SCORE
from ml_assets.monitors.drift import MIN_CLUSTERS, MIN_REFERENCE, Drift, drift, fired_in_reference
from ml_assets.monitors.drift_limits import FLOOR, DriftLimits, drift_limits
from ml_assets.monitors.psi import psi
from ml_assets_tests.monitors.world import Change, world

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Bools
    from ml_assets.monitors.days import Days

RATE = 0.1
DRAWS = 1000
IMPORTANCE = {"x0": 8.0, "x1": 3.0, "x2": 3.0, "x3": 3.0, "x4": 0.0}


def _limits(reference: Days, window: Days, rate: float = RATE) -> DriftLimits:
    return drift_limits(reference, window, rate, DRAWS, 0)


def _judged(reference: Days, window: Days) -> Drift:
    return drift(reference, window, IMPORTANCE, _limits(reference, window))


def _windows(
    count: int, *, days: int = 28, rows: int = 400, seed: int = 10_000, change: Change | None = None
) -> list[Days]:
    return [world(days, rows=rows, seed=seed + n, change=change) for n in range(count)]


def _found(reference: Days, windows: list[Days], limits: DriftLimits | None = None) -> list[Drift]:
    limits = limits or _limits(reference, windows[0])
    return [drift(reference, window, IMPORTANCE, limits) for window in windows]


def _assert_rate(alarms: list[bool], rate: float) -> None:
    """The 95 % interval of the measured rate covers `rate`, or lies below twice it."""
    low, high = binomtest(sum(alarms), len(alarms)).proportion_ci()
    assert low <= rate, f"{np.mean(alarms):.3f}, between {low:.3f} and {high:.3f}"
    assert high < 2 * rate, f"{np.mean(alarms):.3f}, between {low:.3f} and {high:.3f}"


def test_windows_without_a_change_alarm_at_the_set_rate() -> None:
    found = _found(world(180, seed=1), _windows(200))
    _assert_rate([f.alarm for f in found], RATE)
    _assert_rate([f.score_alarm for f in found], RATE)


@pytest.mark.slow
def test_the_rate_holds_over_references() -> None:
    found = [
        judged
        for seed in range(20)
        for judged in _found(world(180, seed=seed), _windows(10, seed=10_000 + 10 * seed))
    ]
    _assert_rate([f.alarm for f in found], RATE)
    _assert_rate([f.score_alarm for f in found], RATE)


@pytest.mark.slow
def test_weather_that_lasts_does_not_alarm_more_often() -> None:
    """Were days drawn one by one, three of ten windows would alarm."""
    found = []
    for seed in range(30):
        reference = world(90, rows=150, seed=seed, persistence=0.3)
        windows = [
            world(28, rows=150, seed=10_000 + 10 * seed + n, persistence=0.3) for n in range(10)
        ]
        found += _found(reference, windows)
    assert np.mean([f.alarm for f in found]) < 0.18
    assert np.mean([f.score_alarm for f in found]) < 0.16


@pytest.mark.slow
@pytest.mark.parametrize(
    ("days", "persistence", "most"), [(59, 0.3, 0.13), (90, 0.5, 0.18), (240, 0.5, 0.15)]
)
def test_the_rate_holds_where_days_last(days: int, persistence: float, most: float) -> None:
    found = []
    for seed in range(150):
        reference = world(days, rows=150, seed=seed, persistence=persistence)
        windows = [
            world(28, rows=150, seed=10_000 + 10 * seed + n, persistence=persistence)
            for n in range(10)
        ]
        found += _found(reference, windows)
    shares = np.array([f.alarm for f in found]).reshape(150, 10).mean(axis=1)
    assert shares.mean() - 1.96 * shares.std() / np.sqrt(150) <= most, shares.mean()


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.1, 0.02])
@pytest.mark.parametrize("days", [MIN_REFERENCE, 90, 180])
def test_the_rate_holds_in_a_thousand_windows(days: int, rate: float) -> None:
    found = []
    for seed in range(100):
        reference, windows = world(days, seed=seed), _windows(10, seed=10_000 + 10 * seed)
        found += _found(reference, windows, _limits(reference, windows[0], rate))
    # Ten windows share a reference and its error: the interval is that of a mean of references.
    shares = np.array([f.alarm for f in found]).reshape(100, 10).mean(axis=1)
    assert abs(shares.mean() - rate) <= 1.96 * shares.std() / 10, shares.mean()


def test_limits_from_rows_would_alarm_a_hundred_times_too_often() -> None:
    reference, windows = world(180, seed=1), _windows(50)
    pooled = reference.histograms["x1"].sum(axis=0)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(int(windows[0].rows.sum()), pooled / pooled.sum(), 10_000)
    by_rows = np.quantile(psi(pooled, drawn.astype(np.float64)), 0.999)
    beyond = [float(psi(pooled, w.histograms["x1"].sum(axis=0))) > by_rows for w in windows]
    assert np.mean(beyond) > 0.1


def test_many_times_the_rows_with_the_same_day_effects_do_not_alarm_more() -> None:
    reference = world(180, rows=20, seed=1)
    many = [f.alarm for f in _found(reference, _windows(60, rows=2000))]
    assert sum(many) <= RATE * len(many)


def test_a_window_of_fewer_rows_gets_limits_of_its_own() -> None:
    reference, few = world(180, seed=1), _windows(200, rows=20)
    _assert_rate([f.alarm for f in _found(reference, few)], RATE)
    of_many_rows = _limits(reference, _windows(1)[0])
    assert np.mean([f.alarm for f in _found(reference, few, of_many_rows)]) > 0.9


@pytest.mark.slow
def test_mondays_and_saturdays_are_compared_with_their_like() -> None:
    reference = world(180, seed=1)
    windows = [w.take(np.isin(w.weekdays, [0, 5])) for w in _windows(200, days=56)]
    assert len(windows[0]) == 16
    _assert_rate([f.alarm for f in _found(reference, windows)], RATE)
    of_any_day = _limits(reference, world(16))
    assert np.mean([f.alarm for f in _found(reference, windows, of_any_day)]) > 3 * RATE


@pytest.mark.parametrize(("shift", "least"), [(0.2, 0.9), (0.5, 1.0)])
def test_a_shift_is_detected_and_named(shift: float, least: float) -> None:
    reference = world(180, seed=1)
    found = _found(reference, _windows(50, change=Change(shift={"x0": shift})))
    assert np.mean([f.alarm for f in found]) >= least
    assert np.mean([f.score_alarm for f in found]) >= least
    assert np.mean([f.features[0].name == "x0" for f in found]) >= least


def test_the_first_mover_is_the_one_that_matters_to_the_model() -> None:
    change = Change(shift={"x1": 0.4, "x4": 0.8})
    found = _judged(world(180), world(28, seed=99, change=change))
    assert [shift.name for shift in found.features[:2]] == ["x1", "x4"]
    assert [shift.exceeds for shift in found.features] == [True, True, False, False, False]
    assert found.alarm
    by_hand = sum(shift.importance * shift.psi for shift in found.features)
    assert found.weighted == pytest.approx(by_hand)
    assert sum(shift.importance for shift in found.features) == pytest.approx(1)


def test_what_is_said_can_be_read() -> None:
    reference, window = world(180), world(28, seed=99, change=Change(shift={"x0": 0.5}))
    limits = DriftLimits(RATE, dict.fromkeys(IMPORTANCE, 0.12), {SCORE: 0.0042})
    found = drift(reference, window, IMPORTANCE, limits)
    x0, score = found.features[0], found.score
    assert score is not None
    psi_x0, psi_score = f"{x0.psi:.2f}"[1:], f"{score.psi:.2f}"[1:]
    assert found.reason == (
        f"drift: 1 of 5 features beyond their limit, first x0 (PSI {psi_x0}, limit .12)"
    )
    assert found.score_reason == (
        f"prediction drift: scores beyond their limit (PSI {psi_score}, limit .0042)"
    )
    high = DriftLimits(RATE, dict.fromkeys(IMPORTANCE, 9.0), {SCORE: 9.0})
    quiet = drift(reference, window, IMPORTANCE, high)
    assert (quiet.alarm, quiet.score_alarm) == (False, False)
    assert quiet.reason == (
        f"drift: none of 5 features beyond its limit, nearest x0 (PSI {psi_x0}, limit 9.00)"
    )


@given(st.integers(0, MIN_CLUSTERS - 1), st.floats(-5, 5), st.integers(1, 500))
def test_a_short_window_says_not_enough_whatever_it_shows(
    days: int, shift: float, rows: int
) -> None:
    reference = world(MIN_REFERENCE, rows=50)
    window = world(days, rows=rows, change=Change(shift={"x0": shift}))
    found = drift(reference, window, IMPORTANCE, drift_limits(reference, window, RATE, 100, 0))
    assert not (found.enough or found.alarm or found.score_alarm)
    assert (found.features, found.score, found.weighted) == ((), None, None)
    assert found.reason == f"drift: not enough data, the window has {days} of 14 days"


def test_a_window_of_a_week_says_not_enough() -> None:
    found = _judged(world(180), world(7, change=Change(shift={"x0": 3.0})))
    assert found.score_reason == "prediction drift: not enough data, the window has 7 of 14 days"


def test_days_without_rows_are_no_days() -> None:
    reference, window = world(180), world(28, seed=5)
    emptied = _emptied(window, np.arange(28) >= 13)
    assert _judged(reference, emptied).reason.endswith("the window has 13 of 14 days")
    closed = np.arange(180) % 3 == 0
    assert _limits(_emptied(reference, closed), window) == _limits(reference.take(~closed), window)


def _emptied(days: Days, which: Bools) -> Days:
    kept = np.where(which, 0.0, 1.0)
    histograms = {name: counts * kept[:, None] for name, counts in days.histograms.items()}
    return replace(days, rows=days.rows * kept, histograms=histograms)


def test_a_short_reference_says_not_enough() -> None:
    found = _judged(world(MIN_REFERENCE - 1), world(28, change=Change(shift={"x0": 3.0})))
    assert found.reason == "drift: not enough data, the reference has 34 of 35 days"


@pytest.mark.parametrize(("rows", "beyond"), [(0, False), (4, False), (28, True)])
def test_a_value_the_reference_never_had_alarms_from_some_rows_on(rows: int, beyond: bool) -> None:
    reference, window = _constant(world(180), 0), _constant(world(28, seed=5), rows)
    limits = _limits(reference, window)
    assert limits.features["x4"] >= FLOOR
    shifts = {s.name: s for s in drift(reference, window, IMPORTANCE, limits).features}
    assert shifts["x4"].exceeds is beyond


def _constant(days: Days, odd: int) -> Days:
    """Give x4 one value, but another one in `odd` rows of the first day."""
    counts = np.stack([days.rows, np.zeros(len(days)), np.zeros(len(days))], axis=1)
    counts[0] += np.array([-odd, odd, 0])
    return replace(days, histograms={**days.histograms, "x4": counts})


def test_the_joint_limit_is_beyond_each_features_own() -> None:
    reference, window = world(180), world(28, seed=5)
    joint = _limits(reference, window).features

    def only(days: Days) -> Days:
        names = ("x0", SCORE)
        return replace(days, histograms={name: days.histograms[name] for name in names})

    alone = _limits(only(reference), only(window)).features
    assert joint["x0"] > 1.1 * alone["x0"]


def test_the_same_seed_sets_the_same_limits() -> None:
    reference, window = world(60), world(28, rows=100)
    first, again = (_limits(reference, window) for _ in range(2))
    assert first == again != drift_limits(reference, window, RATE, DRAWS, 1)


def test_a_reference_sees_how_often_it_would_have_alarmed() -> None:
    quiet = world(180, seed=1)
    limits = _limits(quiet, quiet.take(slice(-28, None)))
    fired = fired_in_reference(quiet, 28, limits)
    assert fired.windows == 6
    assert fired.features <= 2
    assert fired.score <= 2
    changed = world(180, seed=1, change=Change(since=140, shift={"x0": 1.0}))
    assert fired_in_reference(changed, 28, limits).features > fired.features


@pytest.mark.parametrize(("days", "length"), [(180, 7), (60, 28), (20, 28)])
def test_too_short_windows_or_rests_are_not_counted(days: int, length: int) -> None:
    reference = world(days, rows=20)
    fired = fired_in_reference(reference, length, _limits(reference, reference.take(slice(0, 14))))
    assert (fired.windows, fired.features, fired.score) == (0, 0, 0)


@pytest.mark.parametrize(("rate", "draws"), [(0.0, 1000), (1.0, 1000), (0.001, 1000)])
def test_draws_that_cannot_show_the_rate_are_refused(rate: float, draws: int) -> None:
    with pytest.raises(DataError, match="cannot show what happens"):
        drift_limits(world(40, rows=1), world(14, rows=1), rate, draws, 0)


def test_histograms_of_other_features_are_refused() -> None:
    reference, window = world(40, rows=5), world(14, rows=5)
    with pytest.raises(DataError, match=r"histograms of x4\."):
        _limits(reference, world(14, rows=5, features=4))
    without = {name: h for name, h in window.histograms.items() if name != SCORE}
    with pytest.raises(DataError, match=r"histograms of score\."):
        _limits(reference, replace(window, histograms=without))
    only = {SCORE: window.histograms[SCORE]}
    with pytest.raises(DataError, match="histograms of any feature"):
        _limits(
            replace(reference, histograms={SCORE: reference.histograms[SCORE]}),
            replace(window, histograms=only),
        )


def test_a_row_that_is_not_counted_is_refused() -> None:
    reference, window = world(40, rows=5), world(14, rows=5)
    lost = {**window.histograms, "x2": np.zeros((14, 21))}
    with pytest.raises(DataError, match="window's histogram of x2 counts 0 of 70 rows"):
        _limits(reference, replace(window, histograms=lost))


def test_importance_and_limits_of_another_model_are_refused() -> None:
    reference, window = world(40, rows=5), world(14, rows=5)
    limits = _limits(reference, window)
    with pytest.raises(DataError, match=r"importance is missing for x4\."):
        drift(reference, window, {n: 1.0 for n in IMPORTANCE if n != "x4"}, limits)
    fewer = DriftLimits(RATE, {n: 1.0 for n in IMPORTANCE if n != "x1"}, {SCORE: 1.0})
    with pytest.raises(DataError, match=r"limit is missing for x1\."):
        drift(reference, window, IMPORTANCE, fewer)
