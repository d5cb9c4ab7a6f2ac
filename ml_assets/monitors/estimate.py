"""The loss of rows without labels, as the model itself expects it, and whether to trust that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.monitors.drift import MIN_CLUSTERS
from ml_assets.monitors.excess import mean_excess, sampled_excess
from ml_assets.monitors.findings import Replay, Terms, Verdict, replay, too_small, with_labels
from ml_assets.monitors.realised import realised
from ml_assets.monitors.written import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.monitors.days import Days

LATEST = 3
"""Closed windows that decide on trust: an estimate that missed most of them is not trusted."""


@dataclass(frozen=True)
class Check:
    """The estimate for a window that has closed since, beside what its labels said."""

    window: str
    estimated: float
    """Over the rows that got a label."""
    realised: float
    limit: float
    """Limit of the error in either direction."""

    @property
    def error(self) -> float:
        """Realised minus estimated: above zero the estimate was too good."""
        return self.realised - self.estimated

    @property
    def beyond(self) -> bool:
        """Whether the error is beyond what windows of the reference reach."""
        return abs(self.error) > self.limit


@dataclass(frozen=True)
class LossEstimate:
    """An estimate, not a measurement: the mean loss of all rows of one window."""

    window: str
    verdict: Verdict
    """Of the estimate's own errors; "not enough data" while no window has closed, and where the
    reference's windows would miss it as well."""
    reason: str
    loss: float | None = None
    checks: tuple[Check, ...] = ()
    """The latest closed windows, the oldest first."""
    replay: Replay | None = None

    @property
    def trusted(self) -> bool:
        """Whether the latest closed windows bear the estimate out; False while none has closed."""
        return self.verdict == "ok"


def estimate_loss(
    reference: Days, window: Days, name: str, past: Sequence[tuple[str, Days]], terms: Terms
) -> LossEstimate:
    """Return the loss that the model expects in `window`, called `name`, labels or none.

    Confidence-based performance estimation: the mean over rows of the loss expected under the
    model's own probabilities. It holds while the model is calibrated and cannot see that it is not,
    so it is checked on `past`, the same model's earlier windows by name, oldest first, as they
    close. Without a change a window's error is beyond its limit at the rate.
    """
    lack = _lack(window, terms)
    if lack:
        return LossEstimate(name, "not enough data", f"estimate: none in {name}, {lack}")
    loss = float(window.expected_loss.sum() / window.rows.sum())
    said = f"estimate: loss {number(loss)} in {name} by the model's own probabilities"
    usual = with_labels(reference)
    closed = [(key, with_labels(days)) for key, days in past if _closed(usual, days, terms)]
    if not closed:
        reason = f"{said}, not trusted: no window of the model has closed yet"
        return LossEstimate(name, "not enough data", reason, loss)
    checks = tuple(check_of(usual, days, key, terms) for key, days in closed[-LATEST:])
    length = len(closed[-1][1])
    shown = replay(usual, length, lambda rest, own: _verdict(rest, own, terms))
    missed = sum(check.beyond for check in checks)
    verdict = shown.verdict(alarm=2 * missed > len(checks))
    reason = f"{said}, {_words(checks, missed, verdict)}; {shown}"
    return LossEstimate(name, verdict, reason, loss, checks, shown)


def check_of(reference: Days, window: Days, name: str, terms: Terms) -> Check:
    """Return the check of a closed `window`, called `name`; both have a label on every day."""
    found = float(window.labelled_loss.sum() / window.labelled.sum())
    limit = np.quantile(np.abs(sampled_excess(reference, window, terms)), 1 - terms.rate)
    return Check(name, found - mean_excess(window, terms.problem), found, float(limit))


def _lack(window: Days, terms: Terms) -> str:
    if terms.problem == "regression":
        return "a regression model's answers do not say how far off they may be"
    clusters = int((window.rows > 0).sum())
    if clusters < MIN_CLUSTERS:
        return f"the window has {clusters} days with rows of at least {MIN_CLUSTERS}"
    return ""


def _closed(reference: Days, window: Days, terms: Terms) -> bool:
    small = too_small(reference, window, terms.problem)
    return not small and realised(window, "", terms.problem).closed


def _verdict(reference: Days, window: Days, terms: Terms) -> Verdict:
    if too_small(reference, window, terms.problem):
        return "not enough data"
    return "alarm" if check_of(reference, window, "", terms).beyond else "ok"


def _words(checks: Sequence[Check], missed: int, verdict: Verdict) -> str:
    last = checks[-1]
    trusted = "trusted" if verdict == "ok" else "not trusted"
    return (
        f"{trusted}: {missed} of the {len(checks)} latest closed windows beyond the limit, "
        f"{last.window} {number(last.realised)} instead of {number(last.estimated)} "
        f"(error {number(last.error)}, limit {number(last.limit)})"
    )
