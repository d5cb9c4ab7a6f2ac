from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp

from ml_assets.errors import DataError
from ml_assets.loop.bounds import Paired, compare, compare_calibration
from ml_assets.loop.neighbours import usual_inflation
from ml_assets.loop.paired import FEWEST_CLUSTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_assets.ml.training_table import Floats, Ints

DESIGN_EFFECT = 30
ALPHA = 0.05

finite = st.floats(-1e6, 1e6)
seeds = st.integers(0, 2**32 - 1)


def _days(rng: np.random.Generator, days: int, per_day: int, spread: float) -> Ints:
    """Return the day of each row; `spread` is the log-normal deviation of a day's rows."""
    sizes = np.maximum(2, rng.lognormal(0, spread, days) * per_day).astype(np.int64)
    return np.repeat(np.arange(days), sizes)


def _differences(
    days: int, spread: float, trials: int, per_day: int = 60
) -> Iterator[tuple[Floats, Ints]]:
    """Yield paired differences of equal models whose rows have DESIGN_EFFECT within a day."""
    rng = np.random.default_rng(0)
    shared = (DESIGN_EFFECT - 1) / (per_day - 1)
    for _ in range(trials):
        clusters = _days(rng, days, per_day, spread)
        day = np.sqrt(shared) * rng.standard_normal(days)[clusters]
        yield day + np.sqrt(1 - shared) * rng.standard_normal(len(clusters)), clusters


def _promoted(days: int, spread: float, trials: int) -> int:
    drawn = _differences(days, spread, trials)
    return sum(compare(d, np.zeros_like(d), c, 1 - ALPHA).lower > 0 for d, c in drawn)


def _compared(seed: int, days: int = 20) -> tuple[Floats, Floats, Ints]:
    rng = np.random.default_rng(seed)
    clusters = _days(rng, days, 5, 0.5)
    champion, challenger = rng.gamma(2.0, size=(2, len(clusters)))
    return champion, challenger, clusters


@pytest.mark.parametrize("days", [FEWEST_CLUSTERS, 30])
@pytest.mark.parametrize("spread", [0.0, 0.6])
def test_equal_models_are_told_apart_at_about_the_nominal_rate(days: int, spread: float) -> None:
    # .055 at a month: what a power of nine tenths costs.
    interval = binomtest(_promoted(days, spread, 4000), 4000).proportion_ci(0.99)
    assert interval.low <= 1.1 * ALPHA
    assert interval.high >= ALPHA


def _lasting(rng: np.random.Generator, days: int, persistence: float) -> Floats:
    """Return an autoregression of order one and variance one."""
    found = rng.standard_normal(days)
    for day in range(1, days):
        found[day] = persistence * found[day - 1] + np.sqrt(1 - persistence**2) * found[day]
    return found


def _passed(days: int, persistence: float, trials: int, gain: float = 0.0) -> int:
    """Return how often a gain, in standard errors of independent days, is shown."""
    rng, zero, numbers = np.random.default_rng(1), np.zeros(days), np.arange(days)
    drawn = (_lasting(rng, days, persistence) + gain / np.sqrt(days) for _ in range(trials))
    return sum(compare(each, zero, numbers, 1 - ALPHA).lower > 0 for each in drawn)


@pytest.mark.parametrize("days", [28, 60])
def test_weather_that_lasts_does_not_promote(days: int) -> None:
    interval = binomtest(_passed(days, 0.4, 3000), 3000).proportion_ci(0.95)
    assert interval.high < 0.1


@pytest.mark.longest
@pytest.mark.parametrize("days", [28, 31, 60, 120])
@pytest.mark.parametrize(("persistence", "most"), [(0.0, 0.057), (0.2, 0.076), (0.4, 0.089)])
def test_an_equal_challenger_passes_at_about_the_nominal_rate(
    days: int, persistence: float, most: float
) -> None:
    interval = binomtest(_passed(days, persistence, 20_000), 20_000).proportion_ci(0.99)
    assert interval.low <= most
    assert 0.9 * ALPHA <= interval.high < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("days", [28, 31, 60, 120])
def test_a_gain_of_three_standard_errors_is_shown_in_nine_of_ten(days: int) -> None:
    interval = binomtest(_passed(days, 0.0, 20_000, gain=3.0), 20_000).proportion_ci(0.99)
    assert interval.high >= 0.9
    assert interval.low >= 0.89


@pytest.mark.longest
@pytest.mark.parametrize("days", [FEWEST_CLUSTERS, 30, 90])
@pytest.mark.parametrize("spread", [0.0, 0.3, 0.6, 1.0])
def test_the_nominal_rate_holds_to_a_sixth(days: int, spread: float) -> None:
    trials = 40_000
    interval = binomtest(_promoted(days, spread, trials), trials).proportion_ci(0.99)
    assert interval.low <= 1.16 * ALPHA
    assert interval.high >= 0.9 * ALPHA


def test_rows_taken_as_independent_would_promote_equal_models() -> None:
    promoted = 0
    for difference, clusters in _differences(days=30, spread=0.3, trials=200):
        alone = np.arange(len(clusters))
        promoted += compare(difference, np.zeros_like(difference), alone, 1 - ALPHA).lower > 0
    assert promoted / 200 > 0.3


def test_days_of_one_size_give_students_interval_of_the_day_means() -> None:
    # What goes up and down from day to day is taken as independent.
    by_day = np.tile([1.0, -1.0], 15)[:, None] + np.random.default_rng(3).normal(size=(30, 7))
    found = compare(by_day.ravel(), np.zeros(210), np.repeat(np.arange(30), 7), 0.95)
    student = ttest_1samp(by_day.mean(axis=1), 0)
    interval = student.confidence_interval(0.9)
    assert found.difference == pytest.approx(by_day.mean())
    narrower = np.sqrt(usual_inflation(30))
    assert found.difference - found.lower == pytest.approx(
        (found.difference - interval.low) / narrower
    )
    assert found.upper - found.difference == pytest.approx(found.difference - found.lower)


def test_runs_of_good_and_bad_days_widen_the_interval() -> None:
    zero, numbers = np.zeros(28), np.arange(28)
    runs = np.repeat([1.0, -1.0, 1.0, -1.0], 7)
    mixed = np.tile([1.0, 1.0, -1.0, -1.0], 7)
    wide, narrow = (compare(each, zero, numbers, 0.95) for each in (runs, mixed))
    assert wide.error > 2 * narrow.error
    # Days that are not neighbours have nothing to say of each other.
    assert compare(runs, zero, 2 * numbers, 0.95).error < wide.error / 2


def test_rows_count_equally_however_large_their_day() -> None:
    clusters = np.repeat(np.arange(15), np.arange(1, 16))
    difference = clusters.astype(np.float64)
    found = compare(difference, np.zeros_like(difference), clusters, 0.95)
    assert found.difference == pytest.approx(difference.mean())
    assert (found.rows, found.clusters) == (120, 15)


def test_a_higher_confidence_gives_a_wider_interval() -> None:
    champion, challenger, clusters = _compared(1)
    wide, narrow = (compare(champion, challenger, clusters, level) for level in (0.99, 0.9))
    assert wide.lower < narrow.lower < narrow.difference < narrow.upper < wide.upper


@given(seeds, st.integers(1, 25))
def test_swapping_the_models_negates_the_difference(seed: int, days: int) -> None:
    champion, challenger, clusters = _compared(seed, days)
    one = compare(champion, challenger, clusters, 0.95)
    other = compare(challenger, champion, clusters, 0.95)
    negated = Paired(-one.difference, one.error, -one.upper, -one.lower, one.rows, one.clusters)
    assert other == negated


@given(seeds)
def test_neither_the_order_of_rows_nor_the_first_day_matters(seed: int) -> None:
    champion, challenger, clusters = _compared(seed)
    order = np.random.default_rng(seed).permutation(len(clusters))
    one = compare(champion, challenger, clusters, 0.95)
    other = compare(champion[order], challenger[order], clusters[order] + 3, 0.95)
    for name in ("difference", "error", "lower", "upper"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-9, abs=1e-12)
    assert (other.rows, other.clusters) == (one.rows, one.clusters)


@given(st.integers(1, FEWEST_CLUSTERS - 1), finite, finite)
def test_too_few_days_say_nothing_whatever_the_losses(
    days: int, champion: float, challenger: float
) -> None:
    clusters = np.repeat(np.arange(days), 100)
    losses = np.full(len(clusters), champion), np.full(len(clusters), challenger)
    found = compare(*losses, clusters, 0.95)
    assert (found.lower, found.error, found.upper) == (-np.inf, np.inf, np.inf)


def test_equal_models_have_no_difference_and_are_not_better() -> None:
    loss, _, clusters = _compared(1)
    found = compare(loss, loss, clusters, 0.95)
    assert found == Paired(0.0, 0.0, 0.0, 0.0, len(clusters), 20)


@pytest.mark.parametrize(
    ("champion", "challenger", "fact"),
    [
        ([0.1, 0.2], [0.1], "Values of 1 and 2 rows are compared"),
        ([], [], "Values of 0 rows are compared"),
        ([0.1, np.nan], [0.1, 0.2], "1 of 2 compared values are NaN or infinite"),
    ],
)
def test_what_cannot_be_compared_is_said(
    champion: list[float], challenger: list[float], fact: str
) -> None:
    clusters = np.arange(len(champion))
    with pytest.raises(DataError, match=fact):
        compare(np.array(champion), np.array(challenger), clusters, 0.95)


def _calibrated(seed: int, days: int, factor: float) -> tuple[Floats, Floats, Floats, Ints]:
    """Return labels, a true probability and one `factor` too high, with days good and bad."""
    rng = np.random.default_rng(seed)
    clusters = _days(rng, days, 100, 0.3)
    truth = rng.beta(2, 8, len(clusters))
    day = rng.uniform(0.7, 1.3, days)[clusters]
    label = (rng.random(len(clusters)) < truth * day).astype(np.float64)
    return label, truth, factor * truth, clusters


def test_calibration_is_compared_by_the_distance_from_one() -> None:
    label, clusters = np.tile([0.0, 1.0], 20), np.repeat(np.arange(20), 2)
    champion, challenger = np.full(40, 0.4), np.full(40, 0.625)
    found = compare_calibration(label, champion, challenger, clusters, 0.95)
    assert found.difference == pytest.approx(abs(0.5 / 0.4 - 1) - abs(0.5 / 0.625 - 1))
    assert found.error == pytest.approx(0)


def test_the_error_of_calibration_is_what_it_varies_by() -> None:
    found = [
        compare_calibration(*_calibrated(seed, days=60, factor=1.3), 0.95) for seed in range(300)
    ]
    deviation = np.std([each.difference for each in found])
    assert np.mean([each.error for each in found]) == pytest.approx(deviation, rel=0.2)
    assert np.mean([each.upper < 0 for each in found]) > 0.9


def test_answers_that_sum_to_zero_are_as_far_from_one_as_can_be() -> None:
    label, clusters = np.tile([0.0, 1.0], 20), np.repeat(np.arange(20), 2)
    found = compare_calibration(label, np.full(40, 0.4), np.zeros(40), clusters, 0.95)
    assert found.upper < -1e6
