from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets.monitors.days import weekdays
from ml_assets.monitors.persistence import LONGEST, persistence, stretched, variance_kept
from ml_assets.monitors.resample import draw_windows
from ml_assets_tests.monitors.labelled import dated
from ml_assets_tests.monitors.world import world

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats

MONTH = dated(28, "2014-02-04")


def lasting(days: int, coefficient: float, seed: int = 0) -> Floats:
    """An autoregression of order one and variance one, of shape (days, 1)."""
    found = np.random.default_rng(seed).standard_normal((days, 1))
    for day in range(1, days):
        found[day] = coefficient * found[day - 1] + np.sqrt(1 - coefficient**2) * found[day]
    return found


@pytest.mark.parametrize("coefficient", [0.0, 0.3, 0.5])
def test_the_autocorrelation_of_neighbours_is_found(coefficient: float) -> None:
    values = lasting(4000, coefficient) + 5.0 * weekdays(dated(4000))[:, None]
    assert persistence(dated(4000), values) == pytest.approx(coefficient, abs=0.04)


def test_short_references_find_it_without_a_bias() -> None:
    found = [persistence(dated(59), lasting(59, 0.5, seed)) for seed in range(300)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.04)


def test_noise_beside_what_lasts_does_not_hide_it() -> None:
    noise = 0.2 * np.random.default_rng(1).standard_normal((2000, 20))
    assert persistence(dated(2000), np.hstack([lasting(2000, 0.5), noise])) > 0.45


def test_days_that_are_no_neighbours_or_do_not_vary_have_none() -> None:
    assert persistence(dated(60)[::2], lasting(60, 0.7)[::2]) == 0
    assert persistence(dated(60), np.ones((60, 3))) == 0
    trend = np.arange(300.0)[:, None]
    assert persistence(dated(300), trend) == LONGEST


@pytest.mark.parametrize("coefficient", [0.0, 0.3, 0.5])
@pytest.mark.parametrize(("length", "block"), [(59, 7), (240, 7), (240, 14), (364, 28)])
def test_drawing_shows_the_share_of_the_variance_that_it_says(
    coefficient: float, length: int, block: int
) -> None:
    days = world(length, rows=1)
    shown = []
    for seed in range(500):
        values = lasting(length, coefficient, seed)[:, 0]
        shown.append(values[draw_windows(days, MONTH, 40, seed, block)].sum(axis=1).var(ddof=1))
    apart = np.abs(np.arange(28)[:, None] - np.arange(28))
    truth = (coefficient**apart).sum()
    kept = variance_kept(days.dates, MONTH, coefficient, block)
    assert np.mean(shown) / truth == pytest.approx(kept, abs=0.06)


def test_independent_weeks_lose_what_their_mean_takes() -> None:
    assert variance_kept(dated(35), MONTH, 0.0) == pytest.approx(4 / 5)
    assert variance_kept(dated(7), MONTH, 0.0) == pytest.approx(1 / 2)
    assert variance_kept(dated(35), MONTH[:0], 0.5) == 1


def test_stretching_keeps_the_centre() -> None:
    sampled = np.random.default_rng(0).normal(3.0, 1.0, 5000)
    found = stretched(sampled, dated(59), MONTH, lasting(59, 0.5)[:, 0])
    assert found.mean() == pytest.approx(sampled.mean())
    assert found.std() > 1.1 * sampled.std()
