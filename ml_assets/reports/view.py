"""Evaluation and context arranged as the template shows them: tiles, rows, groups, legends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.reports import cells, formats
from ml_assets.reports.scores import (
    BASELINE_PREFIX,
    GAIN,
    OBSERVED_EXPECTED,
    Metric,
    best,
    best_baseline,
    charted,
    metric,
    of_baseline,
    unit_suffix,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from ml_assets.ml.results import Candidate, Estimate, Evaluation, SliceResult

MOST_SLICES = 200
SHOWN = 25


@dataclass(frozen=True)
class Tile:
    """One headline metric of the model beside the best baseline on that very metric."""

    key: str
    metric: Metric
    unit: str
    places: int
    own: Estimate
    rival: str | None
    other: Estimate | None
    picture: Markup


@dataclass(frozen=True)
class Row:
    """One candidate with the metrics on which it is best by point estimate."""

    candidate: Candidate
    kind: str
    best_on: frozenset[str]
    outcome: str


@dataclass(frozen=True)
class Part:
    """One slice with its model and best-baseline estimates on the charted metric."""

    result: SliceResult
    own: Estimate | None
    other: Estimate | None
    picture: Markup | None


@dataclass(frozen=True)
class Group:
    """All shown slices of one dimension, the weakest first, those without support last."""

    dimension: str
    parts: list[Part]
    hidden: int
    """Slices beyond the most a report shows, those with the fewest rows."""


def tiles(evaluation: Evaluation) -> list[Tile]:
    """One tile per metric of the model, the primary metric first."""
    model, baselines = evaluation.candidates[0], evaluation.candidates[1:]
    keys = sorted(model.metrics, key=lambda key: key != evaluation.primary)
    return [
        _tile(evaluation, key, model.metrics[key], best(key, baselines, evaluation)) for key in keys
    ]


def _tile(evaluation: Evaluation, key: str, own: Estimate, rival: Candidate | None) -> Tile:
    other = rival.metrics[key] if rival else None
    reference = 1.0 if key == OBSERVED_EXPECTED else None
    return Tile(
        key=key,
        metric=metric(key, evaluation),
        unit=unit_suffix(evaluation, key),
        places=formats.decimals([e.value for e in (own, other) if e]),
        own=own,
        rival=rival.name if rival else None,
        other=other,
        picture=cells.interval(
            cells.interval_scale([own, other], reference), own, other, reference
        ),
    )


def columns(evaluation: Evaluation) -> dict[str, int]:
    """Metric key to decimals, for every metric any candidate has, the primary first."""
    keys = {evaluation.primary: 0}
    for candidate in evaluation.candidates:
        keys |= dict.fromkeys(candidate.metrics, 0)
    return {
        key: formats.decimals(
            [c.metrics[key].value for c in evaluation.candidates if key in c.metrics]
        )
        for key in keys
    }


def measured(columns: dict[str, int], parts: Sequence[SliceResult]) -> dict[str, int]:
    """Return the columns that at least one part has a number for, then the paired difference."""
    keys = {key for part in parts for key in part.metrics or {}}
    gains = [part.metrics[GAIN].value for part in parts if part.metrics and GAIN in part.metrics]
    found = {key: places for key, places in columns.items() if key in keys}
    return found | ({GAIN: formats.decimals(gains)} if gains else {})


def rows(evaluation: Evaluation) -> list[Row]:
    """All candidates: the model first, then the baselines from best to worst."""
    kinds = candidate_kinds(evaluation)
    winners = {key: best(key, evaluation.candidates, evaluation) for key in columns(evaluation)}
    return [
        Row(
            candidate=candidate,
            kind=kinds[candidate.name],
            best_on=frozenset(key for key, winner in winners.items() if winner is candidate),
            outcome=_outcome(candidate.gain),
        )
        for candidate in (evaluation.candidates[0], *reversed(evaluation.candidates[1:]))
    ]


def _outcome(gain: Estimate | None) -> str:
    if gain is None:
        return ""
    if gain.low > 0:
        return "model better"
    return "baseline better" if gain.high < 0 else "no clear difference"


def candidate_kinds(evaluation: Evaluation) -> dict[str, str]:
    """Candidate to CSS kind: `model`, `best` for the best baseline, `other-n` for the rest."""
    kinds = {evaluation.candidates[0].name: "model"}
    strongest = best_baseline(evaluation)
    if strongest is not None:
        kinds[strongest.name] = "best"
    others = [c.name for c in reversed(evaluation.candidates[1:]) if c is not strongest]
    return kinds | {name: f"other-{index % 3}" for index, name in enumerate(others)}


def groups(evaluation: Evaluation) -> list[Group]:
    """Slices by dimension, in the order in which the dimensions occur."""
    by_dimension: dict[str, list[SliceResult]] = {}
    for part in evaluation.by_slice:
        by_dimension.setdefault(part.dimension, []).append(part)
    return [_group(evaluation, name, parts) for name, parts in by_dimension.items()]


def _group(evaluation: Evaluation, name: str, results: Sequence[SliceResult]) -> Group:
    key = charted(evaluation)
    largest = sorted(results, key=lambda part: -part.rows)[:MOST_SLICES]
    reference = evaluation.candidates[0].metrics[key].value
    pairs = [(part, *_estimates(part, key)) for part in largest]
    scale = cells.interval_scale([e for _, *both in pairs for e in both], reference)
    parts = [
        Part(part, own, other, cells.interval(scale, own, other, reference) if own else None)
        for part, own, other in pairs
    ]
    sign = 1 if metric(key).smaller_is_better is False else -1
    parts.sort(key=lambda p: (p.own is None, sign * p.own.value if p.own else 0, -p.result.rows))
    return Group(name, parts, len(results) - len(largest))


def _estimates(part: SliceResult, key: str) -> tuple[Estimate | None, Estimate | None]:
    metrics = part.metrics or {}
    return metrics.get(key), of_baseline(metrics, key)


def compares_baseline(parts: Sequence[SliceResult]) -> bool:
    """Whether any part has the best baseline's metrics beside the model's."""
    return any(key.startswith(BASELINE_PREFIX) for part in parts for key in part.metrics or {})
