"""The PSI that a window without any change reaches, from the reference's own days.

Rows within a day are alike: limits from rows, or fixed ones such as PSI .2, alarm in almost every
window. Whole days are resampled instead, for the days and the rows that the window really has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.errors import DataError
from ml_assets.monitors.days import SCORE, is_score
from ml_assets.monitors.persistence import persistence, variance_kept
from ml_assets.monitors.psi import psi
from ml_assets.monitors.resample import (
    WEEK,
    draw_windows,
    fewer_rows,
    share_of_rows,
    times_drawn,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets.ml.training_table import Floats
    from ml_assets.monitors.days import Dates, Days

FLOOR = 0.001
"""The least limit. Resampling cannot draw a value that the reference never had; until some .05 % of
the rows have it, that is nobody's drift."""
BLOCKS = (WEEK, 4 * WEEK)
"""Days in a row that are drawn together; the larger limit holds. A window lies in one season, and
weeks of all seasons drawn together differ less than it does. But blocks of four weeks are few: a
year of them alone, without a season, would alarm twice as often as set where .02 is set."""
_BEYOND = 10


@dataclass(frozen=True)
class DriftLimits:
    """What a window without a change exceeds at `rate`: valid for one window's days and rows."""

    rate: float
    features: Mapping[str, float]
    """PSI by feature; `rate` is the chance that any of them is exceeded."""
    scores: Mapping[str, float]
    """PSI of the scores by histogram, of several classes one for each; `rate` is the chance, of its
    own, that any of them is exceeded."""


def draws_for(rate: float, least: int) -> int:
    """Return how many draws show what happens at `rate`, `least` or more."""
    return max(least, math.ceil(_BEYOND / rate))


def drift_limits(reference: Days, window: Days, rate: float, draws: int, seed: int) -> DriftLimits:
    """Return limits for a window with the weekdays and the rows of `window`.

    Each draw is a pair of a reference and a window, both of the reference's days, so that the
    reference's own sampling error counts. A feature's limit is its (1 - rate) quantile times one
    factor for all: the (1 - rate) quantile of the largest PSI / quantile over the features. Of
    those from blocks of each length it is the larger.
    """
    if not 0 < rate < 1 or rate * draws < _BEYOND:
        raise DataError(
            f"{draws:,} draws cannot show what happens at a rate of {rate:g}.",
            f"Set a rate between 0 and 1 and at least {_BEYOND} / rate draws.",
        )
    names = compared(reference, window)
    answers = scores(reference)
    each = [
        _unchanged(reference, window, [*names, *answers], draws, seed, block) for block in BLOCKS
    ]
    return DriftLimits(
        rate, *(_larger([_joint(one, own, rate) for one in each]) for own in (names, answers))
    )


def _larger(limits: list[dict[str, float]]) -> dict[str, float]:
    return {name: max(one[name] for one in limits) for name in limits[0]}


def _joint(sampled: Mapping[str, Floats], names: list[str], rate: float) -> dict[str, float]:
    """Return limits of which any is exceeded at `rate`; a single one is its own quantile."""
    quantiles = {n: max(float(np.quantile(sampled[n], 1 - rate)), FLOOR) for n in names}
    if names == [SCORE]:
        return quantiles
    largest = np.max([sampled[n] / quantiles[n] for n in names], axis=0)
    # Below 1 only where the floor binds, which it must go on doing.
    factor = max(float(np.quantile(largest, 1 - rate)), 1.0)
    return {n: factor * quantiles[n] for n in names}


def scores(days: Days) -> list[str]:
    """Return the names of the histograms of answers."""
    return sorted(name for name in days.histograms if is_score(name))


def compared(reference: Days, window: Days) -> list[str]:
    """Return the features that both have histograms of; DataError where a row is not counted."""
    for where, days in (("reference", reference), ("window", window)):
        for name, counts in days.histograms.items():
            if not np.array_equal(counts.sum(axis=1), days.rows):
                raise DataError(
                    f"The {where}'s histogram of {name} counts {counts.sum():,.0f} of "
                    f"{days.rows.sum():,.0f} rows.",
                    "Count every row of a day once, NULL in the last bin.",
                )
    names = set(reference.histograms)
    odd = names ^ set(window.histograms) | {SCORE} - names
    if odd or all(map(is_score, names)):
        raise DataError(
            "Reference and window do not both have histograms of "
            f"{', '.join(sorted(odd)) or 'any feature'}.",
            "Count the features of one model, and its scores, in both.",
        )
    return sorted(name for name in names if not is_score(name))


def _unchanged(
    reference: Days, window: Days, names: list[str], draws: int, seed: int, block: int
) -> dict[str, Floats]:
    """Return per name the PSI of each draw."""
    reference = reference.take(reference.rows > 0)
    dates = window.dates[window.rows > 0]
    seeds = np.random.SeedSequence(seed).generate_state(3)
    drawn = draw_windows(reference, dates, draws, int(seeds[0]), block)
    again = draw_windows(reference, reference.dates, draws, int(seeds[1]), block)
    share = share_of_rows(reference, drawn, window)
    windows, references = (times_drawn(days, len(reference)) for days in (drawn, again))
    histograms = [reference.histograms[name] for name in names]
    # One product for all: threads that meet after each small one cost more than the products.
    counts = np.concatenate(histograms, axis=1)
    # Bins of different features are thinned as if those were independent.
    actual = fewer_rows(windows @ counts, share, np.random.default_rng(int(seeds[2])))
    ends = np.cumsum([histogram.shape[1] for histogram in histograms])[:-1]
    pairs = zip(*(np.split(c, ends, axis=1) for c in (references @ counts, actual)), strict=True)
    return {
        name: psi(expected, found) / _kept(reference, dates, name, block)
        for name, (expected, found) in zip(names, pairs, strict=True)
    }


def _kept(reference: Days, dates: Dates, name: str, block: int) -> float:
    """Return the share of the PSI that draws show: of small differences it is their variance."""
    counts = reference.histograms[name]
    usual = counts.sum(axis=0)
    some = usual > 0
    # Each bin as it counts in the PSI: squared and by its usual share.
    shares = counts[:, some] / reference.rows[:, None] / np.sqrt(usual[some] / usual.sum())
    lasting = persistence(reference.dates, shares)
    return variance_kept(reference.dates, dates, lasting, block)
