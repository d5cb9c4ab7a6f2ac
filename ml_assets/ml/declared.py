"""Metrics that a pipeline declares: plain functions of labels, scores, days and columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.errors import DataError
from ml_assets.ml.results import Estimate
from ml_assets.ml.training_table import Floats, Ints, clusters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

LABEL, SCORE, DAY, CLASSES = GIVEN = ("label", "score", "day", "classes")
"""Arguments such a function may take that are no columns; `day` counts from 0."""
BLOCKS = 60
"""Blocks of whole days that are left out in turn; with more days, neighbours share a block."""


@dataclass(frozen=True)
class Measured:
    """A value on some rows, and without each block of their days.

    The interval is from leaving out each block of days in turn (delete-a-group jackknife, Shao and
    Tu 1995, chapter 2): rows within a day are not independent, and a function may follow what
    happened from day to day, which a day drawn twice would break.
    """

    value: float
    without: Floats
    """Per block."""

    @property
    def estimate(self) -> Estimate:
        """The value with its 95 % interval."""
        half = _half_width(self.without)
        return Estimate(self.value, self.value - half, self.value + half)

    def minus(self, other: Measured) -> Measured:
        """Return the paired difference; both are of the same rows, so of the same blocks."""
        return Measured(self.value - other.value, self.without - other.without)


@dataclass(frozen=True)
class DeclaredMetric:
    """A function `f(label, score, day, ...)`, called by name with what it takes of these.

    NULL in a column arrives as NaN, in one of texts as None. Of several classes labels are texts,
    `score` has a column for each, and `classes` are their names in that order.
    """

    name: str
    meaning: str
    """One sentence for readers."""
    smaller_is_better: bool
    call: Callable[..., float]
    takes: tuple[str, ...]
    """Names among GIVEN, and columns of the training table."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the training table it needs."""
        return tuple(name for name in self.takes if name not in GIVEN)

    def value(
        self, table: pa.Table, label: Floats, score: Floats, classes: tuple[str, ...] = ()
    ) -> float:
        """Return its value on the rows of `table`, in one call.

        With `classes`, `label` are their numbers and `score` has a column per class.
        """
        return self._value(self._given(table, label, score, classes), classes)

    def measure(
        self, table: pa.Table, label: Floats, score: Floats, classes: tuple[str, ...] = ()
    ) -> Measured:
        """Return its value with and without each block of days: one call each."""
        values = self._given(table, label, score, classes)
        block = _blocks(clusters(table))
        exact = self._value(values, classes)
        without = [
            self._value({name: value[block != left] for name, value in values.items()}, classes)
            for left in range(int(block.max()) + 1)
        ]
        return Measured(exact, np.array(without))

    def _given(
        self, table: pa.Table, label: Floats, score: Floats, classes: tuple[str, ...]
    ) -> dict[str, Any]:
        happened = np.array(classes, object)[label.astype(np.int64)] if classes else label
        given: dict[str, Any] = {LABEL: happened, SCORE: score, DAY: clusters(table)}
        given |= {name: table[name].to_numpy() for name in self.columns}
        return {name: given[name] for name in self.takes if name != CLASSES}

    def _value(self, values: dict[str, Any], classes: tuple[str, ...]) -> float:
        names = {CLASSES: classes} if CLASSES in self.takes else {}
        try:
            value = float(self.call(**values, **names))
        except Exception as error:
            raise DataError(
                f"The metric {self.name} failed: {type(error).__name__}: {error}.",
                "Correct the function that evaluation.metrics declares.",
            ) from error
        if not np.isfinite(value):
            raise DataError(
                f"The metric {self.name} is {value} on {len(next(iter(values.values()))):,} rows.",
                "Return a number on every window, also with a day left out.",
            )
        return value


def metric_columns(metrics: Sequence[DeclaredMetric], names: Sequence[str]) -> list[str]:
    """Return the columns that `metrics` need beside `names`, each once."""
    needed = dict.fromkeys(name for metric in metrics for name in metric.columns)
    return [name for name in needed if name not in names]


def _blocks(days: Ints) -> Ints:
    """Return the block of each row; DataError for a single day, which gives no interval."""
    count = int(days.max()) + 1
    if count < 2:
        raise DataError("One day gives no interval.", "Measure on a window of at least two days.")
    return days * min(count, BLOCKS) // count


def _half_width(without: Floats) -> float:
    """Return half the width of the interval from the values without each block."""
    from scipy.stats import t

    blocks = len(without)
    variance = (blocks - 1) / blocks * ((without - without.mean()) ** 2).sum()
    return float(t.ppf(0.975, blocks - 1) * np.sqrt(variance))
