"""Baselines of several classes from a binary one per class.

The constant and the rate by group answer with shares of rows, which add up to 1 by themselves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.ml.classes import classes_of, one_class

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from ml_assets.ml.baselines import Baseline
    from ml_assets.ml.training_table import Floats

KIND = "one vs rest"


@dataclass(frozen=True)
class OneVsRest:
    """One baseline per class, all of one kind."""

    classes: tuple[str, ...]
    parts: tuple[Baseline, ...]

    @property
    def name(self) -> str:
        """That of its parts."""
        return self.parts[0].name

    @property
    def description(self) -> str:
        """What it does, in words."""
        first = self.parts[0].description
        return f"{first} for {self.classes[0]}, likewise for {len(self.classes) - 1} other classes"

    @staticmethod
    def fit(table: pa.Table, fit: Callable[[pa.Table], Baseline]) -> OneVsRest:
        """Fit one part per class, whose rows have the label 1."""
        classes = classes_of(table)
        return OneVsRest(classes, tuple(fit(one_class(table, name)) for name in classes))

    def predict(self, table: pa.Table) -> Floats:
        """Return a probability per row and class."""
        return np.column_stack([part.predict(table) for part in self.parts])

    def to_json(self) -> str:
        """Return all that `load` needs."""
        parts = [part.to_json() for part in self.parts]
        return json.dumps({"kind": KIND, "classes": self.classes, "parts": parts})
