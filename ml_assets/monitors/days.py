"""Sufficient statistics of scored rows per cluster: kilobytes from which every monitor works."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ml_assets.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets.ml.training_table import Bools, Floats, Ints

Dates = npt.NDArray[np.datetime64]
_OTHERS = {"dates", "histograms", "classes"}
SCORE = "score"
"""The name under which `histograms` holds the model's own answers, of several classes the
probability of the one that is predicted."""
_OF_CLASS = "score of "


def score_of(name: str) -> str:
    """Return the name under which `histograms` holds the probabilities of a class."""
    return f"{_OF_CLASS}{name}"


def is_score(name: str) -> bool:
    """Whether a histogram is of answers and not of a feature."""
    return name == SCORE or name.startswith(_OF_CLASS)


@dataclass(frozen=True, kw_only=True)
class Days:
    """One entry per cluster (a local day), in order of time; all arrays have that length.

    Sums over rows whose label is mature begin with `labelled`; the others are over all rows.
    """

    dates: Dates
    rows: Floats
    """Scored rows."""
    score: Floats
    """Sum of the answers p: probabilities, or the label's unit for regression."""
    expected_loss: Floats
    """Sum of the loss the model expects of itself: for probabilities the entropy of p in nats."""
    labelled: Floats
    """Rows with a mature label."""
    awaited: Floats
    """Rows without one that may still get it."""
    labelled_label: Floats
    """Sum of the labels y."""
    labelled_score: Floats
    """Sum of p over the same rows."""
    labelled_variance: Floats
    """Sum of p(1 - p), for regression of (y - p)^2."""
    labelled_loss: Floats
    """Sum of the loss: log loss in nats, for regression the absolute error."""
    histograms: Mapping[str, Floats] = field(default_factory=dict)
    """Per feature, and for SCORE, rows per bin of shape (days, bins); the last bin is NULL."""
    classes: Mapping[str, Floats] = field(default_factory=dict)
    """Per class, over rows with a mature label, sums of shape (days, 3): of rows that were of it,
    of its probability p, and of p(1 - p). With classes, `labelled_label` counts the rows whose
    predicted class was right and `labelled_score` adds up the probabilities of those."""

    def __post_init__(self) -> None:
        """Raise DataError where the arrays differ in length or the dates do not ascend."""
        lengths = {name: len(values) for name, values in self._arrays().items()}
        if len(set(lengths.values())) > 1:
            raise DataError(
                f"Statistics of different lengths: {lengths}.", "Give one entry per day in each."
            )
        if len(self) > 1 and not bool((np.diff(self.dates) > np.timedelta64(0, "D")).all()):
            raise DataError("The days of the statistics do not ascend.", "Order them by date.")

    def __len__(self) -> int:
        """Return the number of days."""
        return len(self.dates)

    @property
    def weekdays(self) -> Ints:
        """The day of the week of each date, Monday 0."""
        return weekdays(self.dates)

    def take(self, chosen: Ints | Bools | slice) -> Days:
        """Return some of the days, ascending."""
        return Days(
            **{name: values[chosen] for name, values in self._arrays().items() if "/" not in name},
            histograms={name: counts[chosen] for name, counts in self.histograms.items()},
            classes={name: sums[chosen] for name, sums in self.classes.items()},
        )

    def of_class(self, name: str) -> Days:
        """Return the same days with the label whether a row was of the class `name`."""
        label, score, variance = self.classes[name].T
        return replace(
            self, labelled_label=label, labelled_score=score, labelled_variance=variance, classes={}
        )

    @staticmethod
    def empty() -> Days:
        """Return the statistics of no day."""
        none = np.empty(0)
        sums: dict[str, Any] = dict.fromkeys(SUMS, none)
        return Days(dates=np.empty(0, "datetime64[D]"), **sums)

    def _arrays(self) -> dict[str, Any]:
        plain = {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if item.name not in {"histograms", "classes"}
        }
        plain |= {f"histograms/{name}": counts for name, counts in self.histograms.items()}
        return plain | {f"classes/{name}": sums for name, sums in self.classes.items()}


SUMS = tuple(item.name for item in fields(Days) if item.name not in _OTHERS)
"""The names of the sums per day."""


def weekdays(dates: Dates) -> Ints:
    """Return the day of the week of each date, Monday 0."""
    # 1970-01-01 was a Thursday.
    days: Ints = (dates.astype("datetime64[D]").astype(np.int64) + 3) % 7
    return days
