from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.errors import DataError
from ml_assets.monitors.days import weekdays
from ml_assets.monitors.resample import (
    draw_windows,
    fewer_rows,
    share_of_rows,
    times_drawn,
)
from ml_assets_tests.monitors.world import world

if TYPE_CHECKING:
    from ml_assets.monitors.days import Dates

PLACES = st.sets(st.integers(0, 60), max_size=40).map(sorted)


def dates(*places: int, first: str = "2014-03-01") -> Dates:
    return np.datetime64(first, "D") + np.array(places, dtype=np.int64)


@given(st.integers(7, 60), PLACES, st.integers(0, 2**32))
def test_every_day_is_replaced_by_one_of_its_weekday(
    days: int, places: list[int], seed: int
) -> None:
    reference, window = world(days, rows=1, start="2013-01-03"), dates(*places)
    drawn = draw_windows(reference, window, 5, seed)
    assert drawn.shape == (5, len(window))
    assert (reference.weekdays[drawn] == weekdays(window)).all()


@pytest.mark.parametrize("block", [7, 14, 28])
def test_days_in_a_row_are_mostly_drawn_in_a_row(block: int) -> None:
    reference = world(140, rows=1)
    drawn = draw_windows(reference, dates(*range(28)), 2000, 0, block)
    for apart in (1, 3, 6):
        together = 1 - apart / block
        moved = (drawn[:, apart:] - drawn[:, :-apart]) % 140
        # Blocks that follow each other by chance: one in twenty.
        share = together + (1 - together) / 20
        assert (moved == apart).mean() == pytest.approx(share, abs=0.02)
    assert ((drawn[:, 7:] - drawn[:, :-7]) % 7 == 0).all()


def test_every_day_is_drawn_as_often() -> None:
    for days in (70, 66):
        drawn = draw_windows(world(days, rows=1), dates(*range(28)), 4000, 0)
        times = times_drawn(drawn, days).mean(axis=0)
        assert times == pytest.approx(np.full(days, 28 / days), rel=0.2)


def test_a_gap_in_the_window_keeps_its_days_apart() -> None:
    drawn = draw_windows(world(140, rows=1), dates(0, 3), 2000, 0)
    together = (drawn[:, 1] - drawn[:, 0]) % 140 == 3
    assert together.mean() == pytest.approx(4 / 7 + 3 / 140, abs=0.04)


def test_weeks_that_the_reference_lacks_are_closed_up() -> None:
    reference = world(70, rows=1).take(np.r_[0:21, 42:70])
    drawn = draw_windows(reference, dates(*range(28)), 2000, 0)
    assert ((drawn[:, 1:] - drawn[:, :-1]) % 49 == 1).mean() == pytest.approx(
        6 / 7 + 1 / 49, abs=0.02
    )


def test_a_weekday_that_the_reference_lacks_is_any_day() -> None:
    monday_to_friday = world(5, rows=1)
    monday_and_sunday = dates(0, 6, first="2014-03-03")
    drawn = draw_windows(monday_to_friday, monday_and_sunday, 400, 0)
    assert set(drawn[:, 0]) == {0}
    assert set(drawn[:, 1]) == {0, 1, 2, 3, 4}


def test_the_same_seed_draws_the_same_windows() -> None:
    reference = world(30, rows=1)
    first, again, other = (draw_windows(reference, dates(*range(7)), 50, s) for s in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_reference_without_days_is_refused() -> None:
    with pytest.raises(DataError, match="no day to draw from"):
        draw_windows(world(3, rows=1).take(slice(0)), dates(0), 10, 0)


def test_the_product_with_sums_per_day_is_the_sum_over_the_window() -> None:
    reference = world(30)
    drawn = draw_windows(reference, dates(0, 7, 9, 20), 20, 0)
    counts = reference.histograms["x0"]
    sums = times_drawn(drawn, 30) @ counts
    assert np.array_equal(sums, counts[drawn].sum(axis=1))


def test_rows_are_compared_with_those_of_the_same_weekdays() -> None:
    reference = world(28, rows=10)
    weekend = reference.weekdays >= 5
    reference = replace(reference, rows=np.where(weekend, 20.0, 100.0))
    window = world(14, rows=10, start="2013-06-03")
    window = replace(window, rows=np.where(window.weekdays >= 5, 10.0, 50.0))
    drawn = draw_windows(reference, window.dates, 50, 0)
    assert share_of_rows(reference, drawn, window) == 0.5
    assert share_of_rows(reference, drawn, replace(window, rows=window.rows * 9)) == 1
    assert share_of_rows(reference, drawn, replace(window, rows=window.rows * 0)) == 0


@given(st.floats(0, 1), st.integers(0, 2**32))
def test_thinning_never_adds_a_row(share: float, seed: int) -> None:
    counts = world(7, rows=50).histograms["x0"]
    thin = fewer_rows(counts, share, np.random.default_rng(seed))
    assert ((thin >= 0) & (thin <= counts)).all()
    assert share < 1 or np.array_equal(thin, counts)


def test_a_thinned_day_varies_like_a_day_of_fewer_rows() -> None:
    many, few = (world(4000, rows=rows, seed=rows, features=2) for rows in (400, 40))
    thin = fewer_rows(many.histograms["x1"], 0.1, np.random.default_rng(0))
    shares = [h[:, :5].sum(axis=1) / h.sum(axis=1) for h in (thin, few.histograms["x1"])]
    whole = many.histograms["x1"][:, :5].sum(axis=1) / 400
    assert shares[0].var() == pytest.approx(shares[1].var(), rel=0.1)
    assert shares[0].var() > 1.5 * whole.var()
