"""What the findings about labels share: a verdict, when there is enough for one, and its words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ml_assets.errors import DataError
from ml_assets.monitors.drift import MIN_CLUSTERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets.monitors.days import Days

Problem = Literal["binary", "multiclass", "regression"]
Verdict = Literal["ok", "alarm", "not enough data"]

MIN_POSITIVES = 200
"""Ones below which a binary window is not judged: their count alone varies by 7 %."""
FEWEST_WINDOWS = 6
"""Windows of the reference that show whether an alarm is worth one: at the default rate of .08 a
month, three or more of six fire by chance in .009 of references."""
CLOSED = 0.95
"""Share of the labels there are or may still be that a window, or a day of the CUSUM, needs to be
judged. Rows that never get one, such as cancelled flights, are not waited for."""
DRAWS = 4000
"""Resampled windows per limit at least."""
_BEYOND = 10


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a window is judged on."""

    problem: Problem
    rate: float
    """Chance that a window without a change alarms."""
    seed: int

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise DataError(
                f"{self.rate:g} is no false-alarm rate.", "Set a rate per window between 0 and 1."
            )

    @property
    def draws(self) -> int:
        """Resampled windows per limit: enough of them lie beyond it to say where it is."""
        return max(DRAWS, math.ceil(_BEYOND / self.rate))


@dataclass(frozen=True)
class Replay:
    """How often an alarm would have fired in the reference's own windows."""

    windows: int
    fired: int

    @property
    def silences(self) -> bool:
        """Whether it would have fired in more than a third: then it says nothing of a window."""
        return self.windows >= FEWEST_WINDOWS and 3 * self.fired > self.windows

    def verdict(self, *, alarm: bool) -> Verdict:
        """Return the verdict on a window that is, or is not, beyond its limit."""
        if self.silences:
            return "not enough data"
        return "alarm" if alarm else "ok"

    def __str__(self) -> str:
        told = f"{self.fired} of {self.windows} windows of the reference would have fired"
        return f"{told}, too many for a verdict" if self.silences else told


def replay(reference: Days, length: int, judge: Callable[[Days, Days], Verdict]) -> Replay:
    """Judge the reference's windows of `length` days, one after the other, against its other days.

    Windows that are too small for a verdict are left out. Days of a season are alike, so that this
    may be more than the rate the limit is set for: it shows what the alarm does on true data.
    """
    found = []
    for start in range(0, len(reference) - length + 1, length):
        inside = np.zeros(len(reference), dtype=np.bool_)
        inside[start : start + length] = True
        found.append(judge(reference.take(~inside), reference.take(inside)))
    judged = [verdict for verdict in found if verdict != "not enough data"]
    return Replay(len(judged), judged.count("alarm"))


def with_labels(days: Days) -> Days:
    """Return the days that have at least one row with a mature label."""
    return days.take(days.labelled > 0)


def settled(days: Days) -> Days:
    """Return the days whose labels have come: those that come first are no fair part of a day."""
    arrived = days.labelled >= CLOSED * (days.labelled + days.awaited)
    return days.take((days.labelled > 0) & arrived)


def too_small(reference: Days, window: Days, problem: Problem) -> str:
    """Return why no verdict on `window` is possible, nothing when it is."""
    for where, days in (("window", window), ("reference", reference)):
        clusters = int((days.labelled > 0).sum())
        if clusters < MIN_CLUSTERS:
            return f"the {where} has {clusters} days with labels of at least {MIN_CLUSTERS}"
    positives = int(window.labelled_label.sum())
    if problem == "binary" and positives < MIN_POSITIVES:
        return f"the window has {positives} positives of at least {MIN_POSITIVES}"
    return ""
