"""What the policies come to: metrics with intervals, share of the gain, regret, and cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets import clock
from ml_assets.ml import metrics
from ml_assets.ml.bootstrap import Resampling, interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_assets.backtest.course import Course
    from ml_assets.backtest.models import Models
    from ml_assets.ml.results import Estimate
    from ml_assets.ml.training_table import Floats


@dataclass(frozen=True)
class Result:
    """What one policy comes to, the mean metrics over partitions, each counted once."""

    course: Course
    loss: Estimate
    """In the primary metric, the smaller the better."""
    gain: Estimate
    """Loss of never retraining minus the policy's."""
    share: Estimate | None
    """Gain per gain of retraining after every partition; None where that is not shown to be one."""
    metrics: Mapping[str, float]
    """Over the partitions that define them."""
    pooled: Mapping[str, float]
    """Over all rows at once."""
    losses: Sequence[float]
    """Per partition."""
    regret: Sequence[Estimate]
    """Per partition, loss minus that of retraining after every partition."""


@dataclass(frozen=True)
class Comparison:
    """All policies on the same rows."""

    pipeline: str
    problem: str
    primary: str
    keys: tuple[str, ...]
    rows: int
    clusters: int
    unranked: tuple[str, ...]
    """Partitions whose rows are of one class, so that AUC and its like are undefined there."""
    results: list[Result]
    """What never retrains first, what retrains after every partition second."""


def compare(models: Models, courses: Sequence[Course]) -> Comparison:
    """Measure all policies with every label that is known by now.

    Intervals are percentiles over whole days, drawn jointly for all policies, so that what they
    share cancels out. Days count as independent.
    """
    past, spec, now = models.past, models.spec, clock.now()
    keys = tuple(courses[0].live)
    outcomes = [past.outcomes[key] for key in keys]
    known = [one.known(now) for one in outcomes]
    label = [one.label[own] for one, own in zip(outcomes, known, strict=True)]
    dates = np.concatenate([one.dates[own] for one, own in zip(outcomes, known, strict=True)])
    scores = [
        [models.answers(course.live[key], [key], now, past.classes) for key in keys]
        for course in courses
    ]
    _, days = np.unique(dates, return_inverse=True)
    resamples = past.pipeline.declaration.evaluation.resamples
    sampling = Resampling(days.astype(np.int64), resamples, spec.seed)
    exact, sampled = _losses(spec.problem, label, scores, sampling)
    return Comparison(
        pipeline=past.pipeline.name,
        problem=spec.problem,
        primary=metrics.PRIMARY[spec.problem],
        keys=keys,
        rows=len(days),
        clusters=sampling.count,
        unranked=tuple(
            key
            for key, part in zip(keys, label, strict=True)
            if metrics.of_one_class(spec.problem, part)
        ),
        results=[
            _result(spec.problem, course, label, scores[own], own, exact, sampled)
            for own, course in enumerate(courses)
        ],
    )


def _losses(
    problem: str, label: list[Floats], scores: list[list[Floats]], sampling: Resampling
) -> tuple[Floats, Floats]:
    """Return mean losses of shape (policies, partitions), and (resamples, ...) of the same."""
    exact = np.empty((len(scores), len(label)))
    sampled = np.empty((sampling.resamples, *exact.shape))
    ends = np.cumsum([len(part) for part in label])
    for part, (end, truth) in enumerate(zip(ends, label, strict=True)):
        days = sampling.clusters[end - len(truth) : end]
        count = np.bincount(days, minlength=sampling.count)
        rows = sampling.draws @ count
        for policy, own in enumerate(scores):
            loss = metrics.losses(problem, truth, own[part])
            exact[policy, part] = loss.mean()
            total = sampling.draws @ np.bincount(days, loss, sampling.count)
            # A partition of a day or two may not be drawn at all.
            with np.errstate(invalid="ignore"):
                sampled[:, policy, part] = total / rows
    return exact, sampled


def _result(
    problem: str,
    course: Course,
    label: list[Floats],
    scores: list[Floats],
    own: int,
    exact: Floats,
    sampled: Floats,
) -> Result:
    parts = [metrics.measure_defined(problem, *both) for both in zip(label, scores, strict=True)]
    pooled = metrics.measure_defined(problem, np.concatenate(label), np.concatenate(scores))
    mean, means = exact.mean(axis=1).tolist(), np.nanmean(sampled, axis=2)
    most = interval(mean[0] - mean[1], means[:, 0] - means[:, 1])
    gain, gains = mean[0] - mean[own], means[:, 0] - means[:, own]
    share = interval(gain / most.value, gains / (means[:, 0] - means[:, 1]))
    return Result(
        course=course,
        loss=interval(mean[own], means[:, own]),
        gain=interval(gain, gains),
        share=share if most.low > 0 else None,
        metrics={
            name: float(np.mean([part[name] for part in parts if name in part]))
            for name in pooled
            if any(name in part for part in parts)
        },
        pooled=pooled,
        losses=exact[own].tolist(),
        regret=[
            interval(
                float(exact[own, part] - exact[1, part]),
                sampled[:, own, part] - sampled[:, 1, part],
            )
            for part in range(exact.shape[1])
        ],
    )
