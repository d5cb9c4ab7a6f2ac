"""What windows without a change look like: weeks of the reference, drawn again and again.

Rows of a day share what happened on it, and weather lasts for days. So what is drawn is blocks of
consecutive days (the moving block bootstrap of Kunsch 1989, on a circle as in Politis and Romano
1992), each put where the same weekday stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml_assets.errors import DataError
from ml_assets.monitors.days import weekdays

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Bools, Floats, Ints
    from ml_assets.monitors.days import Dates, Days

WEEK = 7
"""Days of a block, or a multiple of them: whole weeks keep every weekday in its place."""


def draw_windows(reference: Days, dates: Dates, draws: int, seed: int, block: int = WEEK) -> Ints:
    """Return the reference days of `draws` windows of days at `dates`: (draws, len(dates)).

    Each window is cut into blocks of `block` days, whole weeks, from a day of its own, and each is
    filled with days of the reference that follow each other from that weekday on, the reference's
    last week followed by its first. A day that the reference lacks there is any other one of its
    weekday, or any day where there is none.
    """
    if not len(reference):
        raise DataError("The reference has no day to draw from.", "Score a longer reference.")
    if not len(dates):
        return np.empty((draws, 0), dtype=np.int64)
    rng = np.random.default_rng(seed)
    circle = _circle(reference)
    # Numbered from the reference's first day: a multiple of seven more keeps the weekday.
    place = _days_since(reference, dates)
    first = rng.integers(0, block, (draws, 1))
    own = (place - place[0] + first) // block
    moved = WEEK * rng.integers(0, len(circle) // WEEK, (draws, int(own.max()) + 1))
    drawn = circle[(place + np.take_along_axis(moved, own, axis=1)) % len(circle)]
    return _filled(drawn, reference.weekdays, weekdays(dates), rng)


def _days_since(reference: Days, dates: Dates) -> Ints:
    found: Ints = (dates.astype("datetime64[D]") - reference.dates[0]).astype(np.int64)
    return found


def _circle(reference: Days) -> Ints:
    """Return the days of the reference's weeks, one after the other, without weeks that have none.

    A day that a week lacks is -1.
    """
    place = _days_since(reference, reference.dates)
    _, week = np.unique(place // WEEK, return_inverse=True)
    circle = np.full((int(week[-1]) + 1) * WEEK, -1, dtype=np.int64)
    circle[week * WEEK + place % WEEK] = np.arange(len(reference))
    return circle


def _filled(drawn: Ints, own: Ints, wanted: Ints, rng: np.random.Generator) -> Ints:
    """Return `drawn` with a day of its weekday in place of every -1."""
    lacking: Bools = drawn < 0
    for weekday in np.unique(wanted):
        empty = lacking & (wanted == weekday)
        pool = np.flatnonzero(own == weekday)
        drawn[empty] = rng.choice(pool if len(pool) else len(own), size=int(empty.sum()))
    return drawn


def times_drawn(drawn: Ints, days: int) -> Floats:
    """Return how often each window draws each of the reference's `days`, (windows, days).

    Its matrix product with sums per day, of shape (days, k), is their sum in every window.
    """
    windows = len(drawn)
    cell = drawn + np.arange(windows)[:, None] * days
    counts = np.bincount(cell.ravel(), minlength=windows * days)
    return counts.astype(np.float64).reshape(windows, days)


def share_of_rows(reference: Days, drawn: Ints, window: Days) -> float:
    """Return the rows of `window` per row of the windows drawn for it, at most 1."""
    expected = float(reference.rows[drawn].sum(axis=1).mean())
    return min(1.0, float(window.rows.sum()) / expected) if expected else 1.0


def fewer_rows(counts: Floats, share: float, rng: np.random.Generator) -> Floats:
    """Return `counts` of rows after each row was kept with chance `share`.

    A window with fewer rows per day than the reference has the same day effects and more sampling
    noise. Independent thinning adds exactly that: a random subset of a day's rows is a smaller
    sample of the same day, whereas a multinomial draw from the day's shares would add the noise of
    the small sample to the noise the day already has. Thinning the sum over days is the same as
    thinning every day, because a sum of binomials of one chance is a binomial (hypergeometric draws
    would fix each day's rows instead, at a hundred times the work). Nothing is done for a window
    with more rows: its limits keep the reference's noise and are too wide rather than too narrow.
    """
    if share >= 1:
        return counts
    return rng.binomial(counts.astype(np.int64), share).astype(np.float64)
