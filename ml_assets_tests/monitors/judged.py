"""Which of some windows without a label missing alarm, by kind of alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.monitors.calibration import band_of
from ml_assets.monitors.drift import drift
from ml_assets.monitors.drift_limits import drift_limits
from ml_assets.monitors.estimate import check_of
from ml_assets.monitors.excess import mean_excess
from ml_assets.monitors.performance import excess_limit
from ml_assets.monitors.residuals import between_days, residuals, standardise

if TYPE_CHECKING:
    from ml_assets.monitors.days import Days
    from ml_assets.monitors.findings import Terms


def judged(usual: Days, windows: list[Days], terms: Terms) -> dict[str, list[bool]]:
    """Return by kind which of the windows alarm; all have the weekdays and rows of the first."""
    limits = drift_limits(usual, windows[0], terms.rate, 1000, 0)
    between, band = between_days(usual), band_of(usual, windows[0], terms).limit
    excess = excess_limit(usual, windows[0], terms)
    error = check_of(usual, windows[0], "", terms).limit
    importance = dict.fromkeys(limits.features, 1.0)
    drifts = [drift(usual, window, importance, limits) for window in windows]
    sums = [residuals(window, between) for window in windows]
    found = [mean_excess(window, "binary") for window in windows]
    z = [float(standardise(each.residual.sum(), each.variance.sum())) for each in sums]
    return {
        "drift": [one.alarm for one in drifts],
        "prediction drift": [one.score_alarm for one in drifts],
        "band": [abs(one) > band for one in z],
        "performance": [one > excess for one in found],
        "estimate": [abs(one) > error for one in found],
    }
