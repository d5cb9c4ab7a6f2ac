"""What the monitors of drift and of performance find in one view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.monitors.drift import drift, fired_in_reference
from ml_assets.monitors.drift_limits import draws_for, drift_limits
from ml_assets.monitors.estimate import estimate_loss
from ml_assets.monitors.findings import Replay, Terms
from ml_assets.monitors.joint import judge_classes, watch_classes
from ml_assets.monitors.performance import judge_performance
from ml_assets.monitors.sparklines import bars
from ml_assets.tables.findings import SILENCED, Found
from ml_assets.tables.visibility import buildable_at, lookahead

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets.ml.training_table import Floats
    from ml_assets.monitors.calibration import Calibration
    from ml_assets.monitors.cusum import Cusum
    from ml_assets.monitors.days import Days
    from ml_assets.monitors.drift import Shift
    from ml_assets.monitors.drift_limits import DriftLimits
    from ml_assets.monitors.joint import Joint
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.tables.views import View

DRAWS = 1000
MOVERS = 8
YEAR = 365


def drift_found(pipeline: Pipeline, seen: View) -> list[Found]:
    """Return the drift of the features and of the scores in one window."""
    rate = false_alarm_rate(pipeline, seen)
    usual, window = seen.reference.days, seen.window
    draws = draws_for(rate, DRAWS)
    limits = drift_limits(usual, window, rate, draws, pipeline.declaration.model.seed)
    found = drift(usual, window, seen.reference.importance, limits)
    features, score = _replays(usual, window, limits) if found.enough else (None, None)
    movers = [_mover(seen, shift) for shift in found.features[:MOVERS]]
    return [
        _found(
            seen,
            "drift",
            *_judged(features, found.reason, alarm=found.alarm),
            found.weighted,
            None,
            {"movers": movers},
            features,
        ),
        _found(
            seen,
            "prediction_drift",
            *_judged(score, found.score_reason, alarm=found.score_alarm),
            None if found.score is None else found.score.psi,
            None if found.score is None else found.score.limit,
            {},
            score,
        ),
    ]


def performance_found(pipeline: Pipeline, seen: View) -> list[Found]:
    """Return what labels say of calibration and loss, and the estimate for before there are any."""
    spec = pipeline.declaration
    seed = spec.model.seed
    terms = Terms(problem=spec.model.problem, rate=false_alarm_rate(pipeline, seen), seed=seed)
    usual, window = seen.reference.days, seen.window
    cusum = watch_classes(
        usual,
        seen.days,
        seen.since,
        spec.model.problem,
        alarms_per_year=spec.monitoring.false_alarms_per_year,
        seed=seed,
    )
    band = judge_classes(usual, window, seen.name, terms)
    loss = judge_performance(usual, window, seen.name, terms)
    estimate = estimate_loss(usual, window, seen.name, seen.past, terms)
    realised = loss.realised
    coming = ""
    if realised.awaited and not realised.closed:
        coming = _labels_to_come(pipeline, seen.name)
    value = None if realised.loss is None else realised.loss.value
    ratio = None if realised.ratio is None else realised.ratio.value
    if usual.classes:
        ratio = None if band.first.band is None else band.first.band.value
    first = _first_awaited(pipeline, seen)
    return [
        _cusum_found(seen, cusum, _labels_to_come(pipeline, first) if first else ""),
        _found(
            seen,
            "observed_expected",
            band.verdict,
            band.reason + coming,
            ratio,
            None,
            _bands(band, spec.model.problem),
            band.first.replay,
        ),
        _found(
            seen,
            "performance",
            loss.verdict,
            loss.reason + coming,
            value if realised.excess is None else realised.excess.value,
            loss.limit,
            {"loss": value, "coverage": realised.coverage, "rows": realised.rows},
            loss.replay,
        ),
        _found(
            seen,
            "estimate",
            estimate.verdict,
            estimate.reason,
            estimate.loss,
            None,
            {"trusted": estimate.trusted, "realised": value},
            estimate.replay,
        ),
    ]


def _first_awaited(pipeline: Pipeline, seen: View) -> str | None:
    """Return the partition of the first day, of those that are added up, that awaits labels."""
    days = seen.days
    waiting = days.dates[(days.dates >= seen.since) & (days.awaited > 0)]
    return pipeline.partitions.holding(waiting[0].item()) if len(waiting) else None


def _labels_to_come(pipeline: Pipeline, key: str) -> str:
    """Say when the labels of a partition are there that only a slice which looks ahead can have."""
    node = pipeline.node(pipeline.declaration.label.table)
    if not node.partitioned or not lookahead(node):
        return ""
    due = pipeline.partitions.local(buildable_at(pipeline, node, key)).date()
    return f"; {node.dotted} {key} looks ahead and can be built from {due} on"


def _bands(found: Joint[Calibration], problem: str) -> dict[str, Any]:
    """Return the band, and observed / expected of each class that was judged.

    For regression the band is around no residual, and the statistic a ratio all the same.
    """
    classes = {name: one.band.value for name, one in found.each.items() if name and one.band}
    told: dict[str, Any] = {"classes": classes} if classes else {}
    band = found.first.band
    if band is not None and problem != "regression":
        told["band"] = [band.low, band.high]
    return told


def _cusum_found(seen: View, found: Joint[Cusum], coming: str) -> Found:
    """Tell the CUSUM up to the window's end: an alarm stands until a retraining answers it.

    Of several classes it is the one that decides. Without enough data it waits for what is
    `coming`.
    """
    cusum = found.first
    path = cusum.path
    inside = [] if path is None else np.flatnonzero(path.dates >= seen.first_day).tolist()
    up, down = (
        ([], []) if path is None else (_short(path.upper[inside]), _short(path.lower[inside]))
    )
    highest = max([*up, *down], default=None)
    return _found(
        seen,
        "calibration",
        found.verdict,
        found.reason + (coming if found.verdict == "not enough data" else ""),
        highest,
        cusum.limit,
        {
            "first": str(path.dates[inside[0]]) if path is not None and inside else None,
            "under_predicts": up,
            "over_predicts": down,
            "alarms": [str(alarm.day) for alarm in cusum.alarms],
        },
    )


def _short(values: Floats) -> list[float]:
    return [round(float(value), 2) for value in values]


def _found(
    seen: View,
    cause: str,
    verdict: str,
    reason: str,
    statistic: float | None,
    threshold: float | None,
    details: Mapping[str, Any],
    past: Replay | None = None,
) -> Found:
    return Found(
        cause=cause,
        verdict=verdict,
        period=seen.name,
        event_time=seen.ends,
        reason=reason,
        model_version=seen.version,
        statistic=statistic,
        threshold=threshold,
        details=details if past is None else {**details, SILENCED: past.silences},
    )


def false_alarm_rate(pipeline: Pipeline, seen: View) -> float:
    """Return the chance per window that gives at most the declared false alarms in a year.

    Counted are windows in alarm, one per look: where windows of four weeks overlap, because a
    partition is a day or a week, there are more looks, and each may be wrong less often.
    """
    return min(pipeline.declaration.monitoring.false_alarms_per_year * seen.step / YEAR, 0.5)


def _replays(usual: Days, window: Days, limits: DriftLimits) -> tuple[Replay, Replay]:
    """Return how often features, and scores, would have been beyond their limits before."""
    fired = fired_in_reference(usual, len(window), limits)
    return Replay(fired.windows, fired.features), Replay(fired.windows, fired.score)


def _judged(past: Replay | None, reason: str, *, alarm: bool) -> tuple[str, str]:
    """Return the verdict and its reason, with how often the alarm would have fired before.

    A window that is too small has no past: what it lacks is days, whatever the reference shows.
    """
    if past is None:
        return "not enough data", reason
    return past.verdict(alarm=alarm), f"{reason}; {past}"


def _mover(seen: View, shift: Shift) -> dict[str, Any]:
    both = (seen.reference.days, seen.window)
    before, now = (bars(days.histograms[shift.name].sum(axis=0)) for days in both)
    return {
        "feature": shift.name,
        "psi": shift.psi,
        "limit": shift.limit,
        "importance": shift.importance,
        "before": before,
        "now": now,
    }
