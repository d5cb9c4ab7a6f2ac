"""Who won, in words read off the numbers and never beyond them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ml_assets.ml.results import Candidate, Estimate, Evaluation
from ml_assets.reports import formats
from ml_assets.reports.remarks import remarks
from ml_assets.reports.scores import best_baseline, in_text, metric, unit_suffix

NUMERALS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Verdict(Enum):
    """Who won on the primary metric, by the paired interval against the best baseline."""

    MODEL = "model"
    BASELINE = "baseline"
    UNDECIDED = "undecided"
    UNCOMPARED = "uncompared"


@dataclass(frozen=True)
class Finding:
    """The verdict, one headline, the sentence that supports it, and remarks worth a look."""

    verdict: Verdict
    headline: str
    support: str
    remarks: list[str]


def finding(evaluation: Evaluation) -> Finding:
    """Return what the evaluation found; a difference counts only if its interval excludes zero."""
    rival = best_baseline(evaluation)
    verdict = _verdict(rival)
    return Finding(
        verdict,
        _headline(evaluation, rival, verdict),
        _support(evaluation, rival, verdict),
        remarks(evaluation),
    )


def _verdict(rival: Candidate | None) -> Verdict:
    if rival is None or rival.gain is None:
        return Verdict.UNCOMPARED
    if rival.gain.low > 0:
        return Verdict.MODEL
    return Verdict.BASELINE if rival.gain.high < 0 else Verdict.UNDECIDED


def _headline(evaluation: Evaluation, rival: Candidate | None, verdict: Verdict) -> str:
    if rival is None:
        return "The model was not compared with any baseline."
    if verdict is Verdict.UNCOMPARED:
        return f"The model and {rival.name} were not compared on the same rows."
    if verdict is Verdict.UNDECIDED:
        return f"No clear difference between the model and the best baseline, {rival.name}."
    if verdict is Verdict.BASELINE:
        return f"A baseline, {rival.name}, beats the model."
    gains = [candidate.gain for candidate in evaluation.candidates[1:]]
    if len(gains) > 1 and all(gain is not None and gain.low > 0 for gain in gains):
        return f"The model beats {_every(len(gains))} baselines; the best of them is {rival.name}."
    return f"The model beats the best baseline, {rival.name}."


def _every(number: int) -> str:
    """Return `both`, `all three`, or `all 12`: a sentence has small numbers in words."""
    if number == 2:
        return "both"
    return f"all {NUMERALS[number] if number < len(NUMERALS) else number}"


def _support(evaluation: Evaluation, rival: Candidate | None, verdict: Verdict) -> str:
    key = evaluation.primary
    own = evaluation.candidates[0].metrics[key]
    name, unit = in_text(key), unit_suffix(evaluation, key)
    if rival is None:
        text = f"Its {name} is {formats.number(own.value)}{unit}"
        return f"{text} (95 % interval {formats.interval(own)})."
    other = rival.metrics[key]
    places = formats.decimals([own.value, other.value])
    text = (
        f"Its {name} is {formats.number(own.value, places)}{unit} against "
        f"{formats.number(other.value, places)}{unit} of {rival.name}"
        f"{_relative(key, own.value, other.value)}."
    )
    return text if rival.gain is None else f"{text} {_paired(rival, rival.gain, verdict, unit)}"


def _relative(key: str, own: float, other: float) -> str:
    if metric(key).smaller_is_better is None or other <= 0 or own == other:
        return ""
    share = formats.number(abs(100 * (own / other - 1)), 1)
    return f", {share} % {'lower' if own < other else 'higher'}"


def _paired(rival: Candidate, gain: Estimate, verdict: Verdict, unit: str) -> str:
    places = formats.decimals([gain.value, gain.low, gain.high])
    size = f"{formats.number(abs(gain.value), places)}{unit}"
    if verdict is Verdict.MODEL:
        return (
            f"Paired on the same rows, its mean loss is lower by {size} "
            f"(95 % interval {formats.interval(gain, places)}, zero excluded)."
        )
    if verdict is Verdict.BASELINE:
        turned = Estimate(-gain.value, -gain.high, -gain.low)
        return (
            f"Paired on the same rows, the mean loss of {rival.name} is lower by {size} "
            f"(95 % interval {formats.interval(turned, places)}, zero excluded)."
        )
    return (
        f"Paired on the same rows, its mean loss is {_direction(gain.value)} by {size}, but the "
        f"95 % interval of the difference, {formats.interval(gain, places)}, includes zero: "
        f"the test rows do not tell the two apart."
    )


def _direction(gain: float) -> str:
    return "lower" if gain >= 0 else "higher"
