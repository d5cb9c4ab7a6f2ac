"""Which features, and whether the scores, are distributed differently than in the reference.

Drift informs: it says where to look. Whether the model suffers is seen in its calibration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.errors import DataError
from ml_assets.monitors.days import SCORE
from ml_assets.monitors.drift_limits import compared
from ml_assets.monitors.psi import psi
from ml_assets.monitors.written import beside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets.monitors.days import Days
    from ml_assets.monitors.drift_limits import DriftLimits

MIN_CLUSTERS = 14
"""Days with rows that a window needs before anything is said: every weekday twice."""
MIN_REFERENCE = 35
"""Days with rows that a reference needs: from four weeks or fewer, limits differ so much by chance
that false alarms come at some 1.7 times their rate."""


@dataclass(frozen=True)
class Shift:
    """How far one feature, or the score, is from its reference."""

    name: str
    psi: float
    limit: float
    importance: float
    """Share of the model's importance, 0 to 1; 1 for the score."""

    @property
    def exceeds(self) -> bool:
        """Whether the PSI is beyond its limit."""
        return self.psi > self.limit


@dataclass(frozen=True)
class Drift:
    """What one window shows; without enough days neither numbers nor alarms."""

    enough: bool
    reason: str
    score_reason: str
    features: tuple[Shift, ...] = ()
    """The top movers first: those beyond their limit, by importance times excess."""
    score: Shift | None = None
    """Of several classes the one nearest to its limit, or farthest beyond."""
    weighted: float | None = None
    """Sum of importance times PSI over the features."""

    @property
    def alarm(self) -> bool:
        """Whether any feature is beyond its limit."""
        return any(shift.exceeds for shift in self.features)

    @property
    def score_alarm(self) -> bool:
        """Whether the scores are beyond their limit: prediction drift."""
        return self.score is not None and self.score.exceeds


@dataclass(frozen=True)
class Fired:
    """How many of the reference's own windows would have alarmed."""

    windows: int
    features: int
    score: int


def drift(
    reference: Days, window: Days, importance: Mapping[str, float], limits: DriftLimits
) -> Drift:
    """Return what differs in `window`; `importance` is by feature, in any unit, nowhere negative.

    `limits` are those of `drift_limits` for the same reference and window.
    """
    short = _too_short(reference, window)
    if short:
        return Drift(
            enough=False, reason=f"drift: {short}", score_reason=f"prediction drift: {short}"
        )
    names = compared(reference, window)
    _require_same(names, importance, "importance")
    _require_same(names, limits.features, "limit")
    total = sum(importance.values()) or 1.0
    features = sorted(
        (
            Shift(n, _distance(reference, window, n), limits.features[n], importance[n] / total)
            for n in names
        ),
        key=lambda shift: (not shift.exceeds, *_order(shift)),
    )
    score = max(
        (
            Shift(name, _distance(reference, window, name), limit, 1.0)
            for name, limit in limits.scores.items()
        ),
        key=lambda shift: (shift.psi / shift.limit, shift.name),
    )
    return Drift(
        enough=True,
        reason=_reason(features),
        score_reason=(
            f"prediction drift: {_named(score)} {_within(score)} their limit ({_numbers(score)})"
        ),
        features=tuple(features),
        score=score,
        weighted=sum(shift.importance * shift.psi for shift in features),
    )


def fired_in_reference(reference: Days, length: int, limits: DriftLimits) -> Fired:
    """Count the reference's windows of `length` days, one after the other, beyond `limits`.

    Each is compared with the rest of the reference. Seasons make this more than the limits' rate:
    so often would the alarm have fired while nothing was wrong with the model. The limits are those
    of the window that is judged, since drawing others for each would take seconds.
    """
    found = []
    for start in range(0, len(reference) - length + 1, length):
        inside = np.zeros(len(reference), dtype=np.bool_)
        inside[start : start + length] = True
        rest, window = reference.take(~inside), reference.take(inside)
        if _too_short(rest, window):
            continue
        found.append(drift(rest, window, dict.fromkeys(limits.features, 1.0), limits))
    return Fired(len(found), sum(d.alarm for d in found), sum(d.score_alarm for d in found))


def _too_short(reference: Days, window: Days) -> str:
    """Say which of the two is too short, or nothing."""
    for where, days, least in (
        ("window", window, MIN_CLUSTERS),
        ("reference", reference, MIN_REFERENCE),
    ):
        clusters = int((days.rows > 0).sum())
        if clusters < least:
            return f"not enough data, the {where} has {clusters} of {least} days"
    return ""


def _require_same(names: list[str], given: Mapping[str, float], what: str) -> None:
    odd = set(names) ^ set(given)
    if odd:
        raise DataError(
            f"Either a histogram or an {what} is missing for {', '.join(sorted(odd))}.",
            "Take histograms, importance and limits from the same model.",
        )


def _distance(reference: Days, window: Days, name: str) -> float:
    expected, actual = (days.histograms[name].sum(axis=0) for days in (reference, window))
    return float(psi(expected, actual))


def _order(shift: Shift) -> tuple[float, float, str]:
    """Order by importance times excess, then, for features of no importance, by excess."""
    excess = shift.psi - shift.limit
    return -shift.importance * excess, -excess, shift.name


def _reason(features: list[Shift]) -> str:
    beyond = sum(shift.exceeds for shift in features)
    if beyond:
        return (
            f"drift: {beyond} of {len(features)} features beyond their limit, "
            f"first {features[0].name} ({_numbers(features[0])})"
        )
    nearest = max(features, key=lambda shift: (shift.psi / shift.limit, shift.name))
    return (
        f"drift: none of {len(features)} features beyond its limit, "
        f"nearest {nearest.name} ({_numbers(nearest)})"
    )


def _named(score: Shift) -> str:
    return "scores" if score.name == SCORE else f"{score.name}: probabilities"


def _within(shift: Shift) -> str:
    return "beyond" if shift.exceeds else "within"


def _numbers(shift: Shift) -> str:
    psi, limit = beside(shift.psi, shift.limit)
    return f"PSI {psi}, limit {limit}"
