"""What a challenger's answers are judged by: overall, in the other metrics and in every slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.loop.bounds import compare, compare_calibration
from ml_assets.loop.criterion import LOSS, Criterion, beyond, percent
from ml_assets.loop.not_worse import beyond_chance, held, not_worse, unless_too_noisy
from ml_assets.loop.paired import FEWEST_CLUSTERS
from ml_assets.loop.slices import slices
from ml_assets.ml import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_assets.loop.gate_spec import GateSpec
    from ml_assets.loop.paired import Comparison


def measured(window: Comparison, spec: GateSpec) -> list[Criterion]:
    """Return what is measured on the window's rows, the overall criterion first."""
    for score in (window.champion, window.challenger):
        metrics.require_scores(window.problem, window.label, score)
    return [
        _overall(window, spec),
        *_secondary(window, spec),
        *(c for name, values in window.slices.items() for c in slices(window, name, values, spec)),
    ]


def _overall(window: Comparison, spec: GateSpec) -> Criterion:
    """Pass where the challenger's mean loss is shown to be smaller."""
    champion, challenger = window.losses
    paired = compare(champion, challenger, window.clusters, spec.confidence)
    numbers = {
        "champion": float(champion.mean()),
        "challenger": float(challenger.mean()),
        "gain": paired.difference,
        "error": paired.error,
        "lower": paired.lower,
        "rows": paired.rows,
        "days": paired.clusters,
    }
    passed = paired.lower > 0
    sentence = (
        f"Mean {LOSS[window.problem]} {numbers['challenger']:.4g}, the champion's "
        f"{numbers['champion']:.4g}, on {paired.rows:,} rows in {paired.clusters} days: a gain of "
        f"{paired.difference:.3g}, with {percent(spec.confidence)} confidence above "
        f"{paired.lower:.3g}: {'better' if passed else 'not shown to be better'}."
    )
    return Criterion("overall", passed, numbers, sentence)


def _secondary(window: Comparison, spec: GateSpec) -> Iterator[Criterion]:
    champion, challenger = (
        metrics.squared_errors(window.problem, window.label, score)
        for score in (window.champion, window.challenger)
    )
    margin = spec.metric_margin
    if window.problem in metrics.PROBABILITIES:
        found = held((champion, challenger), window, margin, spec)
        yield not_worse("brier", "Brier score", found, spec)
        for name, part in window.views.items():
            yield _calibration(name, part, spec)
    else:
        found = held((champion, challenger), window, margin, spec, root=True)
        yield not_worse("rmse", "RMSE", found, spec)


def _calibration(of: str, window: Comparison, spec: GateSpec) -> Criterion:
    """Fail where observed / expected is shown to be farther from 1 by more than the margin.

    `of` is a class, against all others, or nothing.
    """
    name = f"calibration of {of}" if of else "calibration"
    said = f"{of}: " if of else ""
    lacking = window.lacking(1, FEWEST_CLUSTERS)
    if lacking:
        return Criterion(name, None, {}, f"{said}not enough data, {lacking}.")
    scores = (window.champion, window.challenger)
    paired = compare_calibration(window.label, *scores, window.clusters, spec.confidence)
    observed, before, after = (float(x.mean()) for x in (window.label, *scores))
    numbers = {
        "observed": observed,
        "champion": before,
        "challenger": after,
        "farther": -paired.difference,
        "margin": spec.calibration_margin,
    }
    passed = paired.upper >= -spec.calibration_margin
    farther = paired.difference < 0
    shown = beyond(f"{spec.calibration_margin:g}", spec, passed=passed) if farther else ""
    sentence = (
        f"{said}{percent(observed)} happened, the challenger promised {percent(after)}, the "
        f"champion {percent(before)}: observed / expected is {abs(paired.difference):.2g} "
        f"{'farther from' if farther else 'nearer to'} 1{shown}."
    )
    criterion = Criterion(name, passed, numbers, sentence)
    findable = spec.calibration_margin + beyond_chance(paired)
    return unless_too_noisy(criterion, findable, f"{findable:.2g} farther", spec)
