from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.errors import DataError
from ml_assets.monitors.psi import SMOOTHING, psi
from ml_assets_tests.monitors.world import Change, world

PAIRS = st.integers(1, 25).flatmap(
    lambda bins: st.tuples(
        *(st.lists(st.integers(0, 10**7), min_size=bins, max_size=bins) for _ in range(2))
    )
)


def _psi(expected: list[int], actual: list[int]) -> float:
    return float(psi(np.array(expected, dtype=np.float64), np.array(actual, dtype=np.float64)))


@given(PAIRS)
def test_it_is_finite_nowhere_negative_and_the_same_both_ways(
    pair: tuple[list[int], list[int]],
) -> None:
    found = _psi(*pair)
    assert np.isfinite(found)
    assert found >= 0
    assert found == pytest.approx(_psi(*reversed(pair)), abs=1e-12)


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_the_bins_does_not_matter(
    pair: tuple[list[int], list[int]], random: np.random.Generator
) -> None:
    places = list(range(len(pair[0])))
    random.shuffle(places)
    moved = _psi([pair[0][p] for p in places], [pair[1][p] for p in places])
    assert moved == pytest.approx(_psi(*pair), rel=1e-9, abs=1e-12)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=25), st.integers(1, 10**6))
def test_proportional_histograms_do_not_differ(counts: list[int], times: int) -> None:
    assert _psi(counts, [count * times for count in counts]) == pytest.approx(0, abs=1e-12)


@given(PAIRS.filter(lambda pair: sum(pair[0]) > 0 and sum(pair[1]) > 0))
def test_only_proportional_histograms_do_not_differ(pair: tuple[list[int], list[int]]) -> None:
    expected, actual = pair
    gap = max(
        abs(e / sum(expected) - a / sum(actual)) for e, a in zip(expected, actual, strict=True)
    )
    # Both logs of a term differ by at least the gap, as shares are at most 1.
    assert _psi(expected, actual) >= 0.99 * gap**2


def test_it_is_the_textbook_sum_where_no_bin_is_empty() -> None:
    by_hand = (0.3 - 0.5) * np.log(0.3 / 0.5) + (0.7 - 0.5) * np.log(0.7 / 0.5)
    assert _psi([500, 500], [30, 70]) == pytest.approx(by_hand, rel=1e-3)


def test_an_emptied_bin_is_finite_and_counts() -> None:
    assert _psi([5, 95], [0, 100]) == pytest.approx(0.31 + 0.05 * np.log(1 / 0.95), abs=0.005)
    assert 0 < SMOOTHING < 0.001


def test_a_histogram_without_rows_differs_from_none() -> None:
    assert _psi([0, 0], [3, 1]) == _psi([3, 1], [0, 0]) == _psi([0, 0], [0, 0]) == 0


def test_many_histograms_are_compared_at_once() -> None:
    rng = np.random.default_rng(0)
    expected, actual = rng.integers(0, 50, (2, 30, 8)).astype(np.float64)
    alone = [float(psi(e, a)) for e, a in zip(expected, actual, strict=True)]
    assert psi(expected, actual).tolist() == pytest.approx(alone)


def test_a_small_shift_of_a_normal_feature_is_its_square() -> None:
    before = world(300, rows=1000, seed=1).histograms["x1"].sum(axis=0)
    changed = world(300, rows=1000, seed=1, change=Change(shift={"x1": 0.3}))
    assert float(psi(before, changed.histograms["x1"].sum(axis=0))) == pytest.approx(0.09, rel=0.1)


def test_other_bins_are_refused() -> None:
    with pytest.raises(DataError, match="Histograms of 3 and 4 bins"):
        psi(np.ones(3), np.ones((2, 4)))
