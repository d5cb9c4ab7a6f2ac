from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import poisson

from ml_assets.errors import DataError
from ml_assets.monitors.cusum import run
from ml_assets.monitors.cusum_limit import solve_limit
from ml_assets.monitors.residuals import Residuals, between_days, residuals
from ml_assets_tests.monitors.labelled import correlated, dated, summed
from ml_assets_tests.monitors.world import world

if TYPE_CHECKING:
    from ml_assets.monitors.days import Days


def noise(days: int, seed: int = 0, mean: float = 0.0) -> Residuals:
    """Standard normal residuals of independent days."""
    residual = np.random.default_rng(seed).normal(mean, 1, days)
    return Residuals(dated(days), residual, np.ones(days))


def alarms_per_year(reference: Days, fresh: Days, rate: float) -> float:
    between = between_days(reference)
    limit = solve_limit(residuals(reference, between), rate, seed=0)
    return len(run(residuals(fresh, between), limit).alarms) / (len(fresh) / 365)


def measured(references: int, rate: float, season: float = 0.0) -> list[float]:
    """Alarms per year of ten fresh years each, by limits from references of 240 days."""
    return [
        alarms_per_year(
            world(240, rows=100, seed=seed, features=2, season=season),
            world(3650, rows=100, seed=10_000 + seed, features=2, season=season),
            rate,
        )
        for seed in range(references)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("rate", [1.0, 4.0])
def test_false_alarms_come_at_the_set_rate(rate: float) -> None:
    assert rate / 2 < np.mean(measured(16, rate)) < rate * 2


@pytest.mark.longest
@pytest.mark.parametrize(
    ("rate", "references", "season"),
    [(0.25, 40, 0.0), (1.0, 100, 0.0), (4.0, 100, 0.0), (1.0, 100, 0.5)],
)
def test_false_alarms_come_at_the_set_rate_in_many_years(
    rate: float, references: int, season: float
) -> None:
    found = measured(references, rate, season)
    error = np.std(found) / np.sqrt(len(found))
    # 240 days leave each limit uncertain: the rate is that of many references, not of every one.
    # A season in what the model knows widens the limit: fewer alarms, not more.
    least = 0.5 if season else 0.8
    assert least * rate - 2 * error < np.mean(found) < 1.2 * rate + 2 * error
    if rate >= 1:  # Ten years at a rate of .25 hold two or three alarms: chance alone doubles them.
        assert np.quantile(found, 0.9) < 2 * rate


@pytest.mark.slow
def test_a_long_reference_gives_the_set_rate_within_the_poisson_interval() -> None:
    reference = world(7300, rows=100, seed=1, features=2)
    between = between_days(reference)
    limit = solve_limit(residuals(reference, between), 1.0, seed=0)
    alarms = sum(
        len(run(residuals(world(3650, rows=100, seed=seed, features=2), between), limit).alarms)
        for seed in range(100, 130)
    )
    low, high = poisson.ppf([0.005, 0.995], 300)
    assert low <= alarms <= high


def test_the_textbook_limit_of_independent_normal_days() -> None:
    # Two-sided with k = .5: h = 4 alarms every 168 days, h = 5 every 465 (Montgomery, table 9.3).
    long = noise(30_000)
    assert solve_limit(long, 365 / 168, seed=0) == pytest.approx(4, abs=0.15)
    assert solve_limit(long, 365 / 465, seed=0) == pytest.approx(5, abs=0.15)


def test_correlated_days_get_a_wider_limit() -> None:
    limits = []
    for correlation in (0.0, 0.5):
        reference = correlated(3000, correlation, seed=1)
        limits.append(solve_limit(residuals(reference, between_days(reference)), 1.0, seed=0))
    assert limits[1] > limits[0] + 1.5


@pytest.mark.slow
def test_correlated_days_alarm_at_about_the_set_rate() -> None:
    rates = [
        alarms_per_year(correlated(240, 0.3, seed), correlated(3650, 0.3, 1000 + seed), 1.0)
        for seed in range(60)
    ]
    assert 0.5 < np.mean(rates) < 1.6


def test_a_weekday_of_its_own_neither_alarms_nor_widens_the_limit_more_than_it_must() -> None:
    weekly = np.array([-0.5, -0.5, -0.5, -0.5, -0.5, -0.5, 3.0])
    reference, fresh = (
        replace(days, residual=days.residual + np.resize(weekly, len(days)))
        for days in (noise(3000), noise(36_500, seed=1))
    )
    alarms = len(run(fresh, solve_limit(reference, 1.0, seed=0)).alarms)
    assert 70 < alarms < 140


def test_days_without_labels_are_no_days() -> None:
    reference = noise(336)
    workdays = np.arange(336) % 7 < 5
    fewer = Residuals(
        reference.dates[workdays], reference.residual[workdays], reference.variance[workdays]
    )
    fresh = noise(36_500, seed=1)
    alarms = len(run(fresh, solve_limit(fewer, 1.0, seed=0)).alarms)
    assert 50 < alarms < 200


def test_rarer_alarms_need_a_higher_limit_and_a_seed_decides() -> None:
    limits = [solve_limit(noise(240), rate, seed=3) for rate in (0.5, 1, 12)]
    assert limits == sorted(limits, reverse=True)
    assert len(set(limits)) == 3
    assert solve_limit(noise(240), 1, seed=3) == limits[1] != solve_limit(noise(240), 1, seed=4)


def test_a_bias_of_the_reference_counts_as_usual() -> None:
    biased, fresh = noise(240, mean=0.3), noise(3650, seed=1, mean=0.3)
    limit = solve_limit(biased, 1.0, seed=0)
    assert limit > solve_limit(noise(240), 1.0, seed=0) + 2
    assert len(run(fresh, limit).alarms) <= 20


@pytest.mark.parametrize("rate", [0.0, -1.0, 0.01, 400.0])
def test_no_alarm_ever_is_refused(rate: float) -> None:
    with pytest.raises(DataError, match=f"cannot be shown to keep {rate:g} false alarms per year"):
        solve_limit(noise(240), rate, seed=0)


def test_a_short_reference_is_refused() -> None:
    days = summed([100] * 27, [20] * 27, [20] * 27)
    with pytest.raises(DataError, match="27 days with labels of at least 28"):
        solve_limit(residuals(days, 0.01), 1.0, seed=0)
    assert solve_limit(noise(28), 1.0, seed=0) > 0
