from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.monitors.absences import Absences
from ml_assets.monitors.quality import missing

ALLOWED = 0.1


def reference(days: int, gone: int = 0) -> Absences:
    """Days of 100 rows; x was never absent, y on the first `gone` days."""
    absent = {"x": np.zeros(days), "y": np.where(np.arange(days) < gone, 100.0, 0.0)}
    dates = np.datetime64("2013-01-01") + np.arange(days)
    return Absences(dates, np.full(days, 100.0), absent)


@given(st.integers(1, 90), st.integers(1, 31), st.floats(0.3, 1))
def test_thirty_percent_of_what_was_never_absent_is_broken(
    days: int, length: int, share: float
) -> None:
    (found,) = missing(reference(days), {"x": share}, length, ALLOWED)
    assert found.broken


@pytest.mark.parametrize(("length", "broken"), [(1, False), (7, True), (28, True)])
def test_one_day_without_a_column_excuses_a_day_and_no_month(length: int, broken: bool) -> None:
    (found,) = missing(reference(60, gone=1), {"y": 0.3}, length, ALLOWED)
    assert found.broken is broken
    assert found.worst == pytest.approx(1 / length)


def test_the_farthest_beyond_its_limit_is_first_and_says_it() -> None:
    found = missing(reference(60, gone=7), {"x": 0.2, "y": 0.3, "z": 1.0}, 28, ALLOWED)
    assert [item.feature for item in found] == ["x", "y"]
    assert [item.broken for item in found] == [True, False]
    assert str(found[1]) == "y is NULL in 30.0% of rows, at most 25.0% before"
