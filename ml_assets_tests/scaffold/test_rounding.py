from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.scaffold.rounding import round_down, round_up

NUMBERS = st.floats(-1e300, 1e300)


@given(NUMBERS)
def test_a_value_lies_between_its_roundings(value: float) -> None:
    assert round_down(value) <= value <= round_up(value)
    assert round_up(value) - round_down(value) <= abs(value)


@pytest.mark.parametrize(
    ("value", "down", "up"), [(0.3, 0.3, 0.3), (0.31, 0.3, 0.4), (-41, -50, -40), (955, 900, 1000)]
)
def test_one_digit_is_left(value: float, down: float, up: float) -> None:
    assert (round_down(value), round_up(value)) == (down, up)
