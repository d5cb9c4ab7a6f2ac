from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml_assets.loop.neighbours import MOST, inflation, usual_inflation

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats

DAYS = np.arange(3000)


def lasting(persistence: float) -> Floats:
    found = np.random.default_rng(0).standard_normal(len(DAYS))
    for day in DAYS[1:]:
        found[day] += persistence * found[day - 1]
    return found


@pytest.mark.parametrize("persistence", [0.0, 0.2, 0.5])
def test_the_inflation_is_that_of_an_autoregression(persistence: float) -> None:
    truth = (1 + persistence) / (1 - persistence)
    assert inflation(lasting(persistence), DAYS) == pytest.approx(truth, rel=0.12)


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e3, 1e3)))
def test_it_is_never_below_one_and_never_beyond_its_bound(values: Floats) -> None:
    found = inflation(values, np.arange(len(values)))
    assert 1 <= found <= (1 + MOST) / (1 - MOST) * (1 + 1e-9)


def test_what_goes_up_and_down_is_taken_as_independent() -> None:
    assert inflation(np.tile([1.0, -1.0], 20), np.arange(40)) == 1


def test_only_neighbours_speak_of_each_other() -> None:
    runs = lasting(0.5)
    assert inflation(runs, 2 * DAYS) < 1.01 < inflation(runs, DAYS)


def test_equal_days_have_nothing_to_inflate() -> None:
    assert inflation(np.zeros(30), np.arange(30)) == 1


def test_the_usual_inflation_falls_with_the_days() -> None:
    found = [usual_inflation(days) for days in (14, 28, 31, 60, 120, 365)]
    assert found[0] == found[1]
    assert all(one >= other for one, other in pairwise(found))
    assert 1 < found[-1] < 1.03
