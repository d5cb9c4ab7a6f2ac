"""The linear baseline: logistic regression, or least absolute deviations for regression.

Sums run in row order and the search on one thread, so the thread count does not change the weights.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ml_assets.ml.blas import one_thread
from ml_assets.ml.design import Design
from ml_assets.ml.training_table import Floats, Ints, labels, spread

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 300_000
"""Most rows to fit on, spread evenly: more would cost memory and change little."""
_BEND = 0.05
SETTINGS = {"maxiter": 150, "maxcor": 20, "ftol": 1e-9, "gtol": 1e-6}
_Gradient = Callable[[Floats, Floats], tuple[float, Floats]]


@dataclass(frozen=True)
class Linear:
    """Weights over the design: intercept, numbers, missing flags, then levels by category."""

    design: Design
    weights: tuple[float, ...]
    problem: str
    center: float
    unit: float
    name: ClassVar[str] = "linear"
    classes: ClassVar[tuple[str, ...]] = ()

    @property
    def description(self) -> str:
        """What it does, in words."""
        kind = "logistic regression" if self.problem == "binary" else "linear median regression"
        return f"{kind} on {len(self.design.codec.features)} features"

    @staticmethod
    def fit(table: pa.Table, features: Sequence[str], problem: str) -> Linear:
        """Fit on at most ROWS rows of `table` with the penalty of scikit-learn's default, C = 1."""
        table = spread(table, ROWS)
        design = Design.fit(table, features)
        dense, levels = next(design.parts(table, ROWS))
        label = labels(table)
        center, unit = (0.0, 1.0) if problem == "binary" else _center(label)
        loss = _logistic if problem == "binary" else _absolute
        weights = _minimize(dense, levels, design.width, (label - center) / unit, loss)
        return Linear(design, tuple(weights.tolist()), problem, center, unit)

    def predict(self, table: pa.Table) -> Floats:
        """Return the probability, or the value in the label's unit, for every row."""
        weights = np.asarray(self.weights)
        answer = np.concatenate([_answer(weights, *part) for part in self.design.parts(table)])
        if self.problem == "binary":
            return _sigmoid(answer)
        return answer * self.unit + self.center

    def to_json(self) -> str:
        """Return all that `from_fields` needs, with the kind."""
        return json.dumps(
            {
                "kind": self.name,
                **self.design.to_fields(),
                "weights": self.weights,
                "problem": self.problem,
                "center": self.center,
                "unit": self.unit,
            }
        )

    @staticmethod
    def from_fields(fields: dict[str, Any]) -> Linear:
        """Build from the parsed JSON."""
        return Linear(
            Design.from_fields(fields),
            tuple(fields["weights"]),
            fields["problem"],
            fields["center"],
            fields["unit"],
        )


def _center(label: Floats) -> tuple[float, float]:
    center = float(np.median(label))
    distance = np.abs(label - center)
    return center, float(np.median(distance)) or float(distance.mean()) or 1.0


def _answer(weights: Floats, dense: Floats, levels: Sequence[Ints]) -> Floats:
    answer: Floats = np.einsum("ij,j->i", dense, weights[: dense.shape[1]])
    for places in levels:
        answer += weights[places]
    return answer


def _minimize(
    dense: Floats, levels: Sequence[Ints], extra: int, target: Floats, loss: _Gradient
) -> Floats:
    """Return the weights of the smallest mean loss plus |weights|^2 / 2n, intercept free."""
    from scipy.optimize import minimize

    rows, columns = dense.shape
    penalty = np.full(columns + extra, 1 / rows)
    penalty[0] = 0.0

    def objective(weights: Floats) -> tuple[float, Floats]:
        value, slope = loss(_answer(weights, dense, levels), target)
        gradient = penalty * weights
        gradient[:columns] += np.einsum("ij,i->j", dense, slope) / rows
        for places in levels:
            gradient += np.bincount(places, slope, len(weights)) / rows
        return value + float((penalty * weights**2).sum()) / 2, gradient

    start = np.zeros(columns + extra)
    with one_thread():
        found: Floats = minimize(objective, start, jac=True, method="L-BFGS-B", options=SETTINGS).x
    return found


def _sigmoid(answer: Floats) -> Floats:
    return np.exp(-np.logaddexp(0.0, -answer))


def _logistic(answer: Floats, target: Floats) -> tuple[float, Floats]:
    return float((np.logaddexp(0.0, answer) - target * answer).mean()), _sigmoid(answer) - target


def _absolute(answer: Floats, target: Floats) -> tuple[float, Floats]:
    """Return the absolute error, bent smooth within _BEND of zero so that it has a slope."""
    error = answer - target
    size = np.hypot(error, _BEND)
    return float(size.mean()), error / size
