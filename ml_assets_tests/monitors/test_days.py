from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.errors import DataError
from ml_assets.monitors.days import SCORE
from ml_assets_tests.monitors.world import Change, world


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(1, 20))
def test_weekdays_are_those_of_the_calendar(start: date, days: int) -> None:
    found = world(days, rows=1, start=start.isoformat()).weekdays
    assert found.tolist() == [(start + timedelta(days=d)).weekday() for d in range(days)]


def test_taking_days_takes_them_from_every_statistic() -> None:
    whole = world(20, rows=30)
    by_slice, by_mask = whole.take(slice(5, 9)), whole.take(np.arange(20) // 4 == 3)
    by_number = whole.take(np.array([0, 7, 19]))
    assert (len(by_slice), len(by_mask), len(by_number)) == (4, 4, 3)
    assert by_number.dates.tolist() == whole.dates[[0, 7, 19]].tolist()
    assert by_slice.labelled_loss.tolist() == whole.labelled_loss[5:9].tolist()
    for name, counts in whole.histograms.items():
        assert np.array_equal(by_mask.histograms[name], counts[12:16])


def test_days_out_of_order_are_refused() -> None:
    with pytest.raises(DataError, match="do not ascend"):
        world(5, rows=1).take(np.array([3, 1]))
    with pytest.raises(DataError, match="do not ascend"):
        world(5, rows=1).take(np.array([1, 1]))


def test_a_statistic_of_another_length_is_refused() -> None:
    days = world(5, rows=1)
    with pytest.raises(DataError, match=r"'rows': 4"):
        replace(days, rows=days.rows[:4])
    with pytest.raises(DataError, match="histograms/x0"):
        replace(days, histograms={"x0": days.histograms["x0"][:4]})


def test_the_world_is_calibrated_and_its_rows_are_alike_within_a_day() -> None:
    days = world(2000, rows=200, seed=3)
    residual = days.labelled_label - days.labelled_score
    assert abs(residual.mean()) < 3 * residual.std() / np.sqrt(len(days))
    assert residual.var() / days.labelled_variance.mean() > 2
    assert days.expected_loss.sum() == pytest.approx(days.labelled_loss.sum(), rel=0.01)
    assert all(np.array_equal(h.sum(axis=1), days.rows) for h in days.histograms.values())


def test_a_change_leaves_the_days_before_it_as_they_were() -> None:
    change = Change(since=40, calibration=1.3, shift={"x0": 0.5})
    before, after = world(60), world(60, change=change)
    for name in ("x0", SCORE):
        same = (before.histograms[name] == after.histograms[name]).all(axis=1)
        assert same[:40].all()
        assert not same[40:].any()
    assert np.array_equal(before.labelled_label[:40], after.labelled_label[:40])
    only = world(60, change=Change(since=40, calibration=1.3))
    assert np.array_equal(only.score, before.score)
    ratio = only.labelled_label[40:].sum() / before.labelled_label[40:].sum()
    assert ratio == pytest.approx(1.3, abs=0.05)
