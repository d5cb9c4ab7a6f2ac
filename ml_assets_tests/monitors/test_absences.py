from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.monitors.absences import Absences, of_days
from ml_assets_tests.monitors.world import world

COUNTS = st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1)), min_size=1, max_size=40)


def made(*shares: float, rows: float = 100.0) -> Absences:
    dates = np.datetime64("2013-01-01") + np.arange(len(shares))
    return Absences(dates, np.full(len(shares), rows), {"x": rows * np.array(shares)})


def test_one_day_without_a_column_is_a_small_share_of_a_month() -> None:
    found = made(*[0.0] * 30, 1.0, *[0.0] * 30)
    assert found.worst("x", 1) == 1
    assert found.worst("x", 28) == pytest.approx(1 / 28)


def test_a_window_longer_than_the_reference_is_all_of_it() -> None:
    assert made(0.0, 0.5, 1.0).worst("x", 28) == pytest.approx(0.5)
    assert (
        Absences(np.empty(0, "datetime64[D]"), np.empty(0), {"x": np.empty(0)}).worst("x", 7) == 0
    )


@given(COUNTS, st.integers(1, 45))
def test_the_worst_window_is_the_worst_by_hand(
    counts: list[tuple[int, float]], length: int
) -> None:
    rows = np.array([n for n, _ in counts], np.float64)
    absent = np.round(rows * np.array([share for _, share in counts]))
    days = np.cumsum(1 + np.arange(len(counts)) % 3)
    dates = np.datetime64("2013-01-01") + days
    found = Absences(dates, rows, {"x": absent})
    whole = int(days[-1] - days[0]) + 1
    shares = []
    for first in range(days[0], days[0] + whole - min(length, whole) + 1):
        inside = (days >= first) & (days < first + min(length, whole))
        shares.append(absent[inside].sum() / max(rows[inside].sum(), 1))
    assert found.worst("x", length) == pytest.approx(max(shares))


def test_histograms_tell_what_was_absent() -> None:
    days = world(20, features=2)
    found = of_days(days)
    assert set(found.absent) == {"x0", "x1"}
    assert np.array_equal(found.absent["x0"], days.histograms["x0"][:, -1])
