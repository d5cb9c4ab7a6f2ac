"""Whether a closed window's loss is worse than the model's own expectation allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.monitors.excess import mean_excess, sampled_excess
from ml_assets.monitors.findings import Replay, Terms, Verdict, replay, too_small, with_labels
from ml_assets.monitors.realised import Realised, realised
from ml_assets.monitors.written import number

if TYPE_CHECKING:
    from ml_assets.monitors.days import Days


@dataclass(frozen=True)
class Performance:
    """What one window's mature labels say of the model's loss."""

    verdict: Verdict
    reason: str
    realised: Realised
    limit: float | None = None
    """Limit of the mean excess loss, for regression of the mean loss."""
    replay: Replay | None = None


def judge_performance(reference: Days, window: Days, name: str, terms: Terms) -> Performance:
    """Return whether `window`, called `name`, lost too much; without a change it did at the rate.

    A raw loss moves with how hard the window is. Judged is the excess, loss minus the loss the
    model expects of itself, by that of windows of the reference's days on the same weekdays. For
    regression, where nothing is known of the latter, it is the loss itself.
    """
    found = realised(window, name, terms.problem)
    usual, days = with_labels(reference), with_labels(window)
    lack = found.missing or too_small(usual, days, terms.problem)
    if lack:
        reason = f"performance: not enough data in {name}, {lack}"
        return Performance("not enough data", reason, found)
    excess, limit = mean_excess(days, terms.problem), excess_limit(usual, days, terms)
    past = replay(usual, len(days), lambda rest, own: _verdict(rest, own, terms))
    words = _words(days, name, None if terms.problem == "regression" else excess)
    judged = f"{'beyond' if excess > limit else 'within'} the limit of {number(limit)}"
    reason = f"performance: {words}, {judged}; {past}"
    return Performance(past.verdict(alarm=excess > limit), reason, found, limit, past)


def excess_limit(reference: Days, window: Days, terms: Terms) -> float:
    """Return the limit of the mean excess loss; both have a label on every day."""
    return float(np.quantile(sampled_excess(reference, window, terms), 1 - terms.rate))


def _verdict(reference: Days, window: Days, terms: Terms) -> Verdict:
    if too_small(reference, window, terms.problem):
        return "not enough data"
    beyond = mean_excess(window, terms.problem) > excess_limit(reference, window, terms)
    return "alarm" if beyond else "ok"


def _words(days: Days, name: str, excess: float | None) -> str:
    loss = f"loss {number(days.labelled_loss.sum() / days.labelled.sum())} in {name}"
    if excess is None:
        return loss
    side = "more" if excess >= 0 else "less"
    return f"{loss}, {number(abs(excess))} {side} than the model expects of itself"
