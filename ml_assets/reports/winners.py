"""Who wins on which metric: every rival beside the model, by paired intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.reports.scores import ahead

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets.ml.results import Candidate, Estimate, Evaluation


@dataclass(frozen=True)
class Difference:
    """One metric of a rival minus the model's, and who is better beyond chance."""

    estimate: Estimate
    winner: str | None
    """None where the interval holds zero, or where the metric has no direction."""


@dataclass(frozen=True)
class Duel:
    """A rival and its differences by metric, the primary one first."""

    rival: str
    differences: Mapping[str, Difference]


def duels(evaluation: Evaluation) -> list[Duel]:
    """Return one per rival that was compared, the best by the primary metric first."""
    model, *rivals = evaluation.candidates
    return [
        Duel(rival.name, _differences(evaluation, model.name, rival))
        for rival in reversed(rivals)
        if rival.differences
    ]


def _differences(evaluation: Evaluation, model: str, rival: Candidate) -> dict[str, Difference]:
    ordered = sorted(rival.differences, key=lambda key: key != evaluation.primary)
    found = {}
    for key in ordered:
        estimate = rival.differences[key]
        decided = estimate.low > 0 or estimate.high < 0
        better = ahead(key, estimate.value, 0.0, evaluation) if decided else None
        winner = {True: rival.name, False: model, None: None}[better]
        found[key] = Difference(estimate, winner)
    return found
