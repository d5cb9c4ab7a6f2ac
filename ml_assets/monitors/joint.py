"""Calibration of several classes: each against all others, judged together.

With K classes each is judged at a K-th of the false-alarm rate, so that together they keep it,
however they depend on each other (Bonferroni). An alarm of one class is an alarm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from ml_assets.monitors.calibration import Calibration, judge_calibration
from ml_assets.monitors.cusum import Cusum, watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from ml_assets.monitors.days import Days
    from ml_assets.monitors.findings import Problem, Terms, Verdict

Found = TypeVar("Found", Cusum, Calibration)
_ORDER: Mapping[Verdict, int] = {"alarm": 0, "ok": 1, "not enough data": 2}


@dataclass(frozen=True)
class Joint(Generic[Found]):
    """What was found of each class; without classes, of the model."""

    each: dict[str, Found]
    unseen: int = 0
    """Rows with labels of classes that the reference does not know."""

    @property
    def first(self) -> Found:
        """The one that decides: an alarm before silence, the farther one first."""
        return self.each[self._name]

    @property
    def verdict(self) -> Verdict:
        """Alarm where any alarms, not enough data where none could be judged."""
        return self.first.verdict

    @property
    def reason(self) -> str:
        """The reason of the one that decides, with its class, and what the others say."""
        if len(self.each) == 1:
            return self.first.reason
        said = f"{self._name}: {self.first.reason}"
        others = [f"{name} {one.verdict}" for name, one in self.each.items() if name != self._name]
        told = f"{said}; of the other classes {', '.join(others)}"
        if not self.unseen:
            return told
        return f"{told}; {self.unseen:,} rows are of classes that training did not see"

    @property
    def _name(self) -> str:
        return min(self.each, key=self._rank)

    def _rank(self, name: str) -> tuple[int, float]:
        found = self.each[name]
        return _ORDER[found.verdict], -found.share


def watch_classes(
    reference: Days,
    days: Days,
    since: np.datetime64,
    problem: Problem,
    *,
    alarms_per_year: float,
    seed: int,
) -> Joint[Cusum]:
    """Return the CUSUMs of the daily calibration residual, as `watch` makes one."""
    views = _views(reference, days)
    rate = alarms_per_year / len(views)
    if reference.classes:
        problem = "binary"
    return Joint(
        {
            name: watch(usual, own, since, problem, alarms_per_year=rate, seed=seed)
            for name, usual, own in views
        },
        _unseen(reference, days),
    )


def judge_classes(reference: Days, window: Days, name: str, terms: Terms) -> Joint[Calibration]:
    """Return whether any class of `window` is outside its band, as `judge_calibration` judges."""
    views = _views(reference, window)
    if reference.classes:
        terms = replace(terms, problem="binary", rate=terms.rate / len(views))
    return Joint(
        {each: judge_calibration(usual, own, name, terms) for each, usual, own in views},
        _unseen(reference, window),
    )


def _views(reference: Days, days: Days) -> Sequence[tuple[str, Days, Days]]:
    """Return class, reference and days against all other classes; without any, what is given."""
    if not reference.classes:
        return [("", reference, days)]
    return [(name, reference.of_class(name), days.of_class(name)) for name in reference.classes]


def _unseen(reference: Days, days: Days) -> int:
    """Return the rows with labels that are of a class the reference does not know."""
    odd = [sums for name, sums in days.classes.items() if name not in reference.classes]
    return int(sum(sums[:, 0].sum() for sums in odd))
