"""What a backtest says of the declared policy, in a sentence or two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.backtest.table import PLACES
from ml_assets.reports import formats
from ml_assets.reports.scores import in_text

if TYPE_CHECKING:
    from ml_assets.backtest.compare import Comparison, Result

DECLARED = "defs"


@dataclass(frozen=True)
class Finding:
    """The headline and what supports it."""

    headline: str
    support: str
    verdict: str
    """How it looks: model, undecided or baseline."""


def finding(found: Comparison) -> Finding:
    """Return what the declared policy gets of the gain, or what there is to gain without it."""
    every = found.results[1]
    support = _support(found, every)
    if every.gain.low <= 0:
        headline = f"Retraining {every.course.policy.name} is not shown to gain anything."
        return Finding(headline, support, "undecided")
    declared = next((one for one in found.results if one.course.policy.name == DECLARED), None)
    if declared is None or declared.share is None:
        return Finding(f"Retraining {every.course.policy.name} helps.", support, "undecided")
    share, low, high = (
        formats.number(100 * one, 0)
        for one in (declared.share.value, declared.share.low, declared.share.high)
    )
    headline = (
        f"The declared policy gets {share} % of the gain of retraining"
        f" {every.course.policy.name}, with {declared.course.retrains} retrainings instead of"
        f" {every.course.retrains}."
    )
    support = f"95 % interval {low} to {high} %. {support}"
    return Finding(headline, support, "model" if declared.share.low > 0 else "undecided")


def _support(found: Comparison, every: Result) -> str:
    never = found.results[0]
    name = in_text(found.primary)
    return (
        f"Mean {name} {formats.number(every.loss.value, PLACES)} with retraining"
        f" {every.course.policy.name} against {formats.number(never.loss.value, PLACES)} without"
        f" any: a gain of {formats.number(every.gain.value, PLACES)}"
        f" ({formats.interval(every.gain, PLACES)})."
    )
