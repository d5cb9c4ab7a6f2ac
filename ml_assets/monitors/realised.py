"""What a window's mature labels say, with intervals from whole days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.ml.results import Estimate
from ml_assets.monitors.excess import excess_per_day
from ml_assets.monitors.findings import CLOSED, with_labels
from ml_assets.monitors.written import number

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats
    from ml_assets.monitors.days import Days
    from ml_assets.monitors.findings import Problem

HALF = 0.5
"""Share of all rows that needs a label: fewer do not stand for the others."""
_TAIL = 0.025


@dataclass(frozen=True)
class Realised:
    """Metrics of the rows with mature labels; None where fewer than two days have any."""

    window: str
    rows: int
    labelled: int
    awaited: int
    """Rows without a label that may still get one."""
    clusters: int
    """Days with labels."""
    loss: Estimate | None
    excess: Estimate | None
    """Mean loss minus the loss the model expects of itself; None for regression."""
    residual: Estimate | None
    """Mean of y minus p."""
    ratio: Estimate | None
    """Observed / expected; None as well where nothing or less is expected."""

    @property
    def coverage(self) -> float:
        """Share of rows with a mature label."""
        return self.labelled / self.rows if self.rows else 0.0

    @property
    def closed(self) -> bool:
        """Whether enough labels are there to judge the window."""
        return self._arrived >= CLOSED and self.coverage >= HALF

    @property
    def _arrived(self) -> float:
        expected = self.labelled + self.awaited
        return self.labelled / expected if expected else 0.0

    @property
    def missing(self) -> str:
        """How many labels an open window lacks; nothing for a closed one."""
        if self.closed:
            return ""
        if self.awaited and self._arrived < CLOSED:
            return (
                f"{self.awaited:,} of {self.labelled + self.awaited:,} labels are missing "
                f"(coverage {number(self._arrived)} of at least {number(CLOSED)})"
            )
        return (
            f"{self.labelled:,} of {self.rows:,} rows got a label and no more are expected "
            f"(coverage {number(self.coverage)} of at least {number(HALF)})"
        )


def realised(window: Days, name: str, problem: Problem) -> Realised:
    """Return the metrics of `window`, called `name`, from the sums over rows with labels."""
    days = with_labels(window)
    excess = ratio(excess_per_day(days, problem), days.labelled)
    return Realised(
        window=name,
        rows=int(window.rows.sum()),
        labelled=int(window.labelled.sum()),
        awaited=round(window.awaited.sum()),
        clusters=len(days),
        loss=ratio(days.labelled_loss, days.labelled),
        excess=None if problem == "regression" else excess,
        residual=ratio(days.labelled_label - days.labelled_score, days.labelled),
        ratio=ratio(days.labelled_label, days.labelled_score),
    )


def ratio(above: Floats, below: Floats) -> Estimate | None:
    """Return sum(above) / sum(below) over days with its 95 % interval.

    The ratio estimator: its variance is that of above - ratio * below over days, with Student's t
    of days - 1 degrees of freedom (Cochran 1977, chapter 6). None for fewer than two days, and
    where the sum of `below` is not above 0.
    """
    count, total = len(above), float(below.sum())
    if count < 2 or total <= 0:
        return None
    from scipy.special import stdtrit

    value = float(above.sum()) / total
    error = np.sqrt(np.sum((above - value * below) ** 2) * count / (count - 1)) / total
    wide = float(stdtrit(count - 1, 1 - _TAIL) * error)
    return Estimate(value, value - wide, value + wide)
