"""Observed over expected labels of one window, and the band it stays in when the model is right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.monitors.findings import (
    Problem,
    Replay,
    Terms,
    Verdict,
    replay,
    too_small,
    with_labels,
)
from ml_assets.monitors.persistence import stretched
from ml_assets.monitors.realised import realised
from ml_assets.monitors.resample import draw_windows
from ml_assets.monitors.residuals import TINY, between_days, residuals, standardise
from ml_assets.monitors.written import number

if TYPE_CHECKING:
    from ml_assets.monitors.days import Days


@dataclass(frozen=True)
class Band:
    """Where a window stands and the band around no error; `value` is in the band's unit.

    That is observed / expected for a binary label, around 1, and for regression, where the expected
    sum may be 0 or negative, the mean residual in the label's unit, around 0.
    """

    value: float
    low: float
    high: float
    z: float
    """Sum of residuals in standard deviations of the window."""
    limit: float
    """Limit of |z|."""

    @property
    def beyond(self) -> bool:
        """Whether the window is outside the band."""
        return abs(self.z) > self.limit


@dataclass(frozen=True)
class Calibration:
    """What one window says of the model's calibration."""

    window: str
    verdict: Verdict
    reason: str
    band: Band | None = None
    replay: Replay | None = None

    @property
    def share(self) -> float:
        """How far the window is from no error, as a share of the limit; 0 where none is known."""
        return abs(self.band.z) / self.band.limit if self.band and self.band.limit else 0.0


def judge_calibration(reference: Days, window: Days, name: str, terms: Terms) -> Calibration:
    """Return whether `window`, called `name`, is outside its band, without a change at the rate."""
    usual, days = with_labels(reference), with_labels(window)
    lack = too_small(usual, days, terms.problem) or realised(window, name, terms.problem).missing
    if lack:
        reason = f"calibration: not enough data in {name}, {lack}"
        return Calibration(name, "not enough data", reason)
    band = band_of(usual, days, terms)
    past = replay(usual, len(days), lambda rest, own: _verdict(rest, own, terms))
    reason = _reason(name, terms.problem, band, past)
    return Calibration(name, past.verdict(alarm=band.beyond), reason, band, past)


def band_of(reference: Days, window: Days, terms: Terms) -> Band:
    """Return where `window` stands in its band; both have a label on every day.

    z = (sum y - sum p) / sqrt(sum n^2 tau^2 + the rows' variance) is judged by the |z| of windows
    resampled from whole days of the reference, as many as the window has and on its weekdays. They
    are not centred: a bias that the reference has counts as usual.
    """
    between = between_days(reference)
    usual, found = residuals(reference, between), residuals(window, between)
    drawn = draw_windows(reference, window.dates, terms.draws, terms.seed)
    sampled = standardise(*(sums[drawn].sum(axis=1) for sums in (usual.residual, usual.variance)))
    sampled = stretched(sampled, reference.dates, window.dates, usual.standardised)
    limit = float(np.quantile(np.abs(sampled), 1 - terms.rate))
    z = float(standardise(found.residual.sum(), found.variance.sum()))
    error, wide = float(found.residual.sum()), limit * math.sqrt(found.variance.sum())
    if terms.problem == "regression":
        rows = float(window.labelled.sum())
        return Band(error / rows, -wide / rows, wide / rows, z, limit)
    expected = max(float(window.labelled_score.sum()), TINY)
    return Band(1 + error / expected, max(0.0, 1 - wide / expected), 1 + wide / expected, z, limit)


def _verdict(reference: Days, window: Days, terms: Terms) -> Verdict:
    if too_small(reference, window, terms.problem):
        return "not enough data"
    return "alarm" if band_of(reference, window, terms).beyond else "ok"


def _reason(name: str, problem: Problem, band: Band, past: Replay) -> str:
    what = "observed / expected" if problem == "binary" else "observed minus expected"
    wrong = "over-predicts" if band.z < 0 else "under-predicts"
    judged = f"the model {wrong}" if band.beyond else "within the band"
    return (
        f"calibration: {what} {number(band.value)} in {name}, band {number(band.low)} to "
        f"{number(band.high)}: {judged}; {past}"
    )
