"""Multinomial logistic regression: the linear baseline of several classes, on the same design."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ml_assets.ml.blas import one_thread
from ml_assets.ml.classes import classes_of, codes
from ml_assets.ml.design import Design
from ml_assets.ml.linear import ROWS, SETTINGS
from ml_assets.ml.training_table import Floats, Ints, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

KIND = "multinomial"


@dataclass(frozen=True)
class Multinomial:
    """Weights per column of the design and class, of shape (columns, classes)."""

    design: Design
    weights: tuple[tuple[float, ...], ...]
    classes: tuple[str, ...]
    name: ClassVar[str] = "linear"

    @property
    def description(self) -> str:
        """What it does, in words."""
        return f"multinomial logistic regression on {len(self.design.codec.features)} features"

    @staticmethod
    def fit(table: pa.Table, features: Sequence[str]) -> Multinomial:
        """Fit on at most ROWS rows of `table` with the penalty of scikit-learn's default, C = 1."""
        classes = classes_of(table)
        table = spread(table, ROWS)
        design = Design.fit(table, features)
        (dense, levels), target = next(design.parts(table, ROWS)), codes(table, classes)
        width = dense.shape[1] + design.width
        weights = _minimize(dense, levels, width, target.astype(np.int64), len(classes))
        return Multinomial(design, tuple(map(tuple, weights.tolist())), classes)

    def predict(self, table: pa.Table) -> Floats:
        """Return a probability per row and class."""
        weights = np.asarray(self.weights)
        return np.concatenate(
            [softmax(_answer(weights, *part)) for part in self.design.parts(table)]
        )

    def to_json(self) -> str:
        """Return all that `from_fields` needs, with the kind."""
        fields = {"kind": KIND, **self.design.to_fields()}
        return json.dumps({**fields, "weights": self.weights, "classes": self.classes})

    @staticmethod
    def from_fields(fields: dict[str, Any]) -> Multinomial:
        """Build from the parsed JSON."""
        weights = tuple(tuple(row) for row in fields["weights"])
        return Multinomial(Design.from_fields(fields), weights, tuple(fields["classes"]))


def softmax(answer: Floats) -> Floats:
    """Return probabilities that add up to 1 per row."""
    raised = np.exp(answer - answer.max(axis=1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _answer(weights: Floats, dense: Floats, levels: Sequence[Ints]) -> Floats:
    answer: Floats = np.einsum("ij,jk->ik", dense, weights[: dense.shape[1]])
    for places in levels:
        answer += weights[places]
    return answer


def _minimize(
    dense: Floats, levels: Sequence[Ints], width: int, target: Ints, classes: int
) -> Floats:
    """Return the weights of the smallest mean log loss plus |weights|^2 / 2n, intercepts free."""
    from scipy.optimize import minimize

    rows, columns = dense.shape
    own = np.arange(rows), target
    penalty = np.full((width, classes), 1 / rows)
    penalty[0] = 0.0

    def objective(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(width, classes)
        slope = softmax(_answer(weights, dense, levels))
        value = -float(np.log(slope[own].clip(np.finfo(np.float64).tiny)).mean())
        slope[own] -= 1
        gradient = penalty * weights
        gradient[:columns] += np.einsum("ij,ik->jk", dense, slope) / rows
        for places in levels:
            for k in range(classes):
                gradient[:, k] += np.bincount(places, slope[:, k], width) / rows
        return value + float((penalty * weights**2).sum()) / 2, gradient.ravel()

    start = np.zeros(width * classes)
    with one_thread():
        found = minimize(objective, start, jac=True, method="L-BFGS-B", options=SETTINGS)
    weights: Floats = found.x.reshape(width, classes)
    return weights
