"""What else the numbers say: other metrics, calibration, weak parts, and reasons for caution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.ml.metrics import RANKING
from ml_assets.reports import formats
from ml_assets.reports.scores import (
    GAIN,
    OBSERVED_EXPECTED,
    ahead,
    best,
    charted,
    in_text,
    unit_suffix,
)

if TYPE_CHECKING:
    from ml_assets.ml.results import Estimate, Evaluation

FEW_CLUSTERS = 30
MOST_NAMED = 6


def remarks(evaluation: Evaluation) -> list[str]:
    """Sentences in a fixed order; those without numbers behind them are left out."""
    texts = [
        _other_metrics(evaluation, leading=True),
        _other_metrics(evaluation, leading=False),
        _calibration(evaluation),
        _unseen(evaluation),
        _range(evaluation),
        _lost_slices(evaluation),
        _caution(evaluation),
    ]
    return [text for text in texts if text]


def _other_metrics(evaluation: Evaluation, *, leading: bool) -> str:
    parts = []
    for key, own in evaluation.candidates[0].metrics.items():
        rival = best(key, evaluation.candidates[1:], evaluation)
        if key == evaluation.primary or rival is None:
            continue
        other = rival.metrics[key].value
        if ahead(key, own.value, other, evaluation) is leading:
            places = formats.decimals([own.value, other])
            parts.append(
                f"{in_text(key)} ({formats.number(own.value, places)} against "
                f"{formats.number(other, places)}{unit_suffix(evaluation, key)} of {rival.name})"
            )
    if not parts:
        return ""
    verb = "is also ahead" if leading else "is behind"
    return f"By point estimate the model {verb} on {_listed(parts)}."


def _calibration(evaluation: Evaluation) -> str:
    ratio = evaluation.candidates[0].metrics.get(OBSERVED_EXPECTED)
    if ratio is None:
        return ""
    places = formats.places_of(ratio)
    text = f"What happened over what it promised is {formats.number(ratio.value, places)} "
    text += f"(95 % interval {formats.interval(ratio, places)})"
    if ratio.low <= 1 <= ratio.high:
        return f"{text}, which agrees with\u00a01{_bins(evaluation)}."
    fault = "too little" if ratio.low > 1 else "too much"
    return f"{text}: it promises {fault}{_bins(evaluation)}."


def _unseen(evaluation: Evaluation) -> str:
    found = [f"{each.name} ({formats.count(each.rows)})" for each in evaluation.unseen]
    if not found:
        return ""
    return (
        f"Test rows of classes that no training row had, which cost what a certain error costs: "
        f"{_shortened(found)}."
    )


def _bins(evaluation: Evaluation) -> str:
    bins = evaluation.calibration
    inside = sum(part.observed.low <= part.predicted <= part.observed.high for part in bins)
    if not bins:
        return ""
    return f"; in {inside} of {len(bins)} score bins the observed interval holds the prediction"


def _range(evaluation: Evaluation) -> str:
    key = charted(evaluation)
    parts = [
        (part.metrics[key], formats.partition(part.value))
        for part in evaluation.by_partition
        if part.metrics is not None and key in part.metrics
    ]
    if len(parts) < 2:
        return ""
    lowest = min(parts, key=lambda part: part[0].value)
    highest = max(parts, key=lambda part: part[0].value)
    places, unit = formats.decimals([highest[0].value]), unit_suffix(evaluation, key)
    text = (
        f"Over time its {in_text(key)} lies between {_at(*lowest, places, unit)} "
        f"and {_at(*highest, places, unit)}."
    )
    pooled = evaluation.candidates[0].metrics[key].value
    if pooled <= highest[0].value or key not in RANKING.values():
        return text
    return (
        f"{text} Over all rows at once it is {formats.number(pooled, places)}, above every "
        f"partition's: rows of different partitions are then ranked against each other as well, "
        f"so telling the partitions apart counts."
    )


def _at(estimate: Estimate, name: str, places: int, unit: str) -> str:
    return f"{formats.number(estimate.value, places)}{unit} ({name})"


def _lost_slices(evaluation: Evaluation) -> str:
    """Slices where the paired difference favours the best baseline, and where it does so surely."""
    gains = [
        (f"{part.dimension} {part.value}", part.metrics[GAIN])
        for part in evaluation.by_slice
        if part.metrics is not None and GAIN in part.metrics
    ]
    lost = [name for name, gain in gains if gain.value < 0]
    surely = [name for name, gain in gains if gain.high < 0]
    if not gains:
        return ""
    if not lost:
        return f"The model has the lower mean loss in all {len(gains)} measured slices."
    text = (
        f"In {len(lost)} of {len(gains)} measured slices the best baseline has the lower "
        f"mean loss ({_shortened(lost)})"
    )
    if not surely:
        return f"{text}, in none of them with zero outside the interval."
    return f"{text}, with zero outside the interval in {_shortened(surely)}."


def _shortened(names: list[str]) -> str:
    return _listed(names if len(names) <= MOST_NAMED else [*names[:5], f"{len(names) - 5} more"])


def _caution(evaluation: Evaluation) -> str:
    if evaluation.clusters >= FEW_CLUSTERS:
        return ""
    return (
        f"The test window has only {formats.count(evaluation.clusters)} days; intervals from so "
        f"few are rough and tend to be too narrow."
    )


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
