"""The limit of a two-sided Page CUSUM that keeps a rate of false alarms, found by resampling."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.errors import DataError
from ml_assets.monitors.persistence import persistence, variance_kept
from ml_assets.monitors.resample import WEEK

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Bools, Floats
    from ml_assets.monitors.days import Dates
    from ml_assets.monitors.residuals import Residuals

K = 0.5
"""Allowance per day in day-level standard deviations. Half of the shift to be found is optimal
(Moustakides 1986: the least worst-case delay at a given rate of false alarms), so this is best for
a shift of one day's standard deviation; larger ones are found in days, smaller ones later."""
YEAR = 365
"""Clusters per year."""
MIN_REFERENCE = 28
"""Days with labels below which no limit is solved: every weekday four times."""
SEASON = 91
"""Days over which an alarm once a year is about run up to."""
MIN_RATE = 0.02
"""Alarms per year below which paths would be too long: one in fifty years."""

_PATHS = 2000
_CELLS = 6_000_000
_STEPS = 30


def step(state: Floats, z: Floats) -> Floats:
    """Return both statistics after one more day; upper and lower in `state` of shape (2, ...)."""
    moved: Floats = np.maximum(0.0, state + np.stack([z, -z]) - K)
    return moved


def solve_limit(reference: Residuals, alarms_per_year: float, seed: int) -> float:
    """Return the h above which the CUSUM alarms `alarms_per_year` times in 365 days with labels.

    Paths of the reference's standardised residuals run from zero to their first alarm, for at least
    a year and twice the set time between alarms. They are joined from moving blocks of seven
    calendar days (Kunsch 1989), which keep correlation up to a week, and once more from single
    days; both keep the weekday's pattern. The larger limit holds: a short reference's correlation
    is mostly chance, and where that is negative blocks alone would let alarm 1.6 times as often as
    set (240 independent days). The residuals are not centred: a bias that the reference has counts
    as usual and widens the limit.
    """
    if not MIN_RATE <= alarms_per_year <= YEAR:
        raise DataError(
            f"A CUSUM cannot be shown to keep {alarms_per_year:g} false alarms per year.",
            f"Set a rate from {MIN_RATE:g}, such as 1 per year.",
        )
    if len(reference) < MIN_REFERENCE:
        raise DataError(
            f"The reference has {len(reference)} days with labels of at least {MIN_REFERENCE}.",
            "Score a longer reference out of fold.",
        )
    dates = reference.dates.astype("datetime64[D]")
    return _solved(dates.tobytes(), reference.standardised.tobytes(), alarms_per_year, seed)


# Every window of a version is held against the same reference.
@lru_cache(maxsize=64)
def _solved(dates: bytes, standardised: bytes, alarms_per_year: float, seed: int) -> float:
    days, values = np.frombuffer(dates, "datetime64[D]"), np.frombuffer(standardised)
    length = math.ceil(max(YEAR, 2 * YEAR / alarms_per_year))
    rng = np.random.default_rng(seed)
    drawn = (_paths(_calendar(days, values, block), length, block, rng) for block in (WEEK, 1))
    rate = alarms_per_year / YEAR
    return max(_solve(_highest(paths), ~np.isnan(paths), rate) for paths in drawn)


def _calendar(dates: Dates, values: Floats, block: int) -> Floats:
    """Return the standardised residual of every calendar day, NaN where there is none.

    They are widened by what paths of such blocks lose of the variance of sums over a season.
    """
    days = dates.astype(np.int64)
    lasting = persistence(dates, values[:, None]) if block > 1 else 0.0
    kept = variance_kept(dates, dates[0] + np.arange(SEASON), lasting)
    calendar = np.full(int(days[-1] - days[0]) + 1, np.nan)
    calendar[days - days[0]] = values.mean() + (values - values.mean()) / np.sqrt(kept)
    return calendar


def _paths(calendar: Floats, length: int, block: int, rng: np.random.Generator) -> Floats:
    """Return paths of blocks, each from the weekday it comes to stand on: (days, paths)."""
    blocks = math.ceil(length / block)
    first = rng.integers(0, WEEK, (max(1, min(_PATHS, _CELLS // length)), 1))
    weekday = (first + block * np.arange(blocks)) % WEEK
    weeks = (len(calendar) - block - weekday) // WEEK + 1
    starts = weekday + WEEK * rng.integers(0, weeks)
    drawn: Floats = calendar[starts[:, :, None] + np.arange(block)].reshape(len(first), -1)
    return np.ascontiguousarray(drawn.T)


def _highest(paths: Floats) -> Floats:
    """Return the highest value of either statistic up to each day, of shape (days, paths)."""
    state = np.zeros((2, paths.shape[1]))
    highest = np.empty(paths.shape)
    for day, z in enumerate(paths):
        state = np.where(np.isnan(z), state, step(state, z))
        highest[day] = np.maximum(state[0], state[1])
    return np.maximum.accumulate(highest, axis=0)


def _solve(highest: Floats, present: Bools, rate: float) -> float:
    """Return the least limit whose first alarms come at most `rate` times per day at risk."""
    before = np.concatenate([np.zeros((1, highest.shape[1])), highest[:-1]])[present]
    reached = highest[-1]
    low, high = 0.0, float(reached.max())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if np.sum(reached > middle) <= rate * np.sum(before <= middle):
            high = middle
        else:
            low = middle
    return high
