from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.errors import DataError
from ml_assets.monitors.residuals import between_days, residuals
from ml_assets_tests.monitors.labelled import correlated, regression, summed
from ml_assets_tests.monitors.world import world

NUMBERS = st.lists(
    st.tuples(st.integers(0, 500), st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=40
)


def test_a_residual_by_hand() -> None:
    days = summed([100, 0, 50], [30, 0, 5], [20, 0, 10])
    found = residuals(days, between=0.01)
    assert found.dates.tolist() == days.dates[[0, 2]].tolist()
    assert found.residual.tolist() == [10.0, -5.0]
    assert found.variance == pytest.approx([100**2 * 0.01 + 16, 50**2 * 0.01 + 8])
    assert found.standardised == pytest.approx([10 / np.sqrt(116), -5 / np.sqrt(33)])


def test_the_variance_between_days_is_found() -> None:
    found = [between_days(correlated(60, 0.0, seed)) for seed in range(200)]
    error = np.std(found) / np.sqrt(200)
    assert abs(np.mean(found) - 0.04**2) < 3 * error < 0.1 * 0.04**2


def test_for_days_of_one_size_it_is_the_variance_of_their_means_less_the_rows_share() -> None:
    label = [10, 25, 31, 8]
    own = 0.2 * 0.8 / 100
    found = between_days(summed([100] * 4, label, [20] * 4))
    assert found == pytest.approx(np.var(np.array(label) / 100, ddof=1) - own)


def test_it_is_found_in_few_days_of_different_size() -> None:
    rng = np.random.default_rng(0)
    n = np.array([20, 30, 40, 60, 80, 100, 120, 150, 200, 300])
    found = []
    for _ in range(6000):
        label = n * (0.5 + rng.normal(0, 0.1, 10)) + rng.normal(0, np.sqrt(n * 0.25))
        found.append(between_days(summed(n.tolist(), label.tolist(), (n * 0.5).tolist())))
    error = np.std(found) / np.sqrt(6000)
    assert abs(np.mean(found) - 0.01) < 3 * error < 0.0003


def test_days_that_differ_by_their_rows_only_have_almost_none() -> None:
    found = [between_days(world(60, seed=seed, features=2, day_effect=0.0)) for seed in range(40)]
    assert found.count(0.0) > 10
    assert np.mean(found) < 0.1 * between_days(world(60, features=2))


def test_days_vary_by_one_standard_deviation_where_rows_say_less() -> None:
    days = world(240, rows=2000, features=2)
    found = residuals(days, between_days(days))
    assert np.std(found.standardised) == pytest.approx(1, abs=0.02)
    assert np.std(found.residual / np.sqrt(days.labelled_variance)) > 3


@given(NUMBERS)
def test_whatever_the_numbers_they_are_finite(numbers: list[tuple[int, float, float]]) -> None:
    rows = [n for n, _, _ in numbers]
    label = [round(n * y) for n, y, _ in numbers]
    days = summed(rows, label, [n * p for n, _, p in numbers])
    if sum(n > 0 for n in rows) < 2:
        with pytest.raises(DataError, match="what days differ by is unknown"):
            between_days(days)
        return
    between = between_days(days)
    assert between >= 0
    assert np.isfinite(residuals(days, between).standardised).all()


@given(st.floats(1e-3, 1e3), st.integers(0, 20))
def test_the_unit_of_a_regression_label_does_not_matter(scale: float, seed: int) -> None:
    days, scaled = regression(30, seed), regression(30, seed, scale=scale)
    between = between_days(days)
    assert between_days(scaled) == pytest.approx(scale**2 * between)
    assert residuals(scaled, scale**2 * between).standardised == pytest.approx(
        residuals(days, between).standardised
    )


def test_a_certain_model_that_errs_stands_out() -> None:
    days = summed([10, 10], [0, 1], [0, 0])
    certain = residuals(days, 0.0)
    certain.variance[:] = 0
    assert certain.standardised[0] == 0
    assert 1e100 < certain.standardised[1] < np.inf
