"""How long what happens on a day lasts, and how much of that resampled weeks show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml_assets.monitors.days import weekdays
from ml_assets.monitors.resample import WEEK

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats, Ints
    from ml_assets.monitors.days import Dates

LONGEST = 0.8
"""Persistence beyond which nothing is corrected: a reference of months cannot tell it from a
season, which is a change that is to be seen."""
_NOTHING = 1e-24


def persistence(dates: Dates, values: Floats) -> float:
    """Return the autocorrelation of neighbouring days, 0 to LONGEST.

    `values` is of shape (days, k), `dates` ascend. Each weekday's mean is taken off before; unlike
    a common mean, that leaves independent days without a bias. Of k columns it is that of the
    directions that vary most, weighted by their variance squared, as they count in the tail of a
    sum of squares.
    """
    own = weekdays(dates)
    means = np.zeros((WEEK, values.shape[1]))
    np.add.at(means, own, values / np.bincount(own, minlength=WEEK)[own, None])
    left = values - means[own]
    pairs = np.flatnonzero(np.diff(dates.astype("datetime64[D]").astype(np.int64)) == 1)
    own_moment = left.T @ left / len(left)
    total = float((own_moment**2).sum())
    # What rounding leaves of values that do not vary is no variance.
    if total <= _NOTHING * float((values**2).mean(axis=0).sum()) ** 2 or not len(pairs):
        return 0.0
    next_moment = left[pairs + 1].T @ left[pairs] / len(pairs)
    return float(np.clip((next_moment * own_moment).sum() / total, 0.0, LONGEST))


def variance_kept(reference: Dates, dates: Dates, lasting: float, block: int = WEEK) -> float:
    """Return the variance of sums over windows of `draw_windows` as a share of the true one.

    `reference` are the days drawn from, `dates` those of the window; days k apart correlate by
    `lasting` to the power of k. Two things are lost (Lahiri 2003, Resampling Methods for Dependent
    Data, chapter 5): of blocks of b days, days k apart are drawn together in (b - k) / b of
    windows, and less often where the reference ends or has a gap, and m weeks vary around their own
    mean, by (m - 1) / m of what independent ones vary. A single week shows nothing and is counted
    as two.
    """
    if not len(dates):
        return 1.0
    weeks = np.maximum(_weeks(reference), 2)
    place = dates.astype("datetime64[D]").astype(np.int64)
    apart = np.abs(place[:, None] - place)
    truth = lasting**apart
    distances = np.arange(block)
    others = np.arange(1 - weeks, weeks)
    shares = (1 - np.abs(others) / weeks) / weeks
    means = (shares * lasting ** np.abs(distances[:, None] + WEEK * others)).sum(axis=1)
    drawn_together = (1 - distances / block) * _neighbours(reference, distances)
    shown = drawn_together * (lasting**distances - means)
    together = apart < block
    return float(shown[apart[together]].sum() / truth.sum())


def stretched(sampled: Floats, reference: Dates, dates: Dates, values: Floats) -> Floats:
    """Return draws of a mean over windows of `dates`, widened to what such windows truly vary by.

    `values` is what each day of the reference adds to the mean.
    """
    kept = variance_kept(reference, dates, persistence(reference, values[:, None]))
    centre = sampled.mean()
    wide: Floats = centre + (sampled - centre) / np.sqrt(kept)
    return wide


def _neighbours(reference: Dates, distances: Ints) -> Floats:
    """Return the share of the drawn weeks' days that have the day at each distance after them."""
    place = (reference.astype("datetime64[D]") - reference[0]).astype(np.int64)
    drawn = WEEK * len(np.unique(place // WEEK))
    found = np.array([np.isin(place + distance, place).sum() for distance in distances]) / drawn
    # A day that a week lacks is another one, which varies as much.
    found[0] = 1.0
    return found


def _weeks(reference: Dates) -> int:
    """Return how many weeks the reference has days for, as if all were whole."""
    return max(1, round(len(reference) / len(np.unique(weekdays(reference)))))
