"""The linear baseline: logistic regression, or least absolute deviations for regression.

Numbers are standardised, their missing values get the mean and a flag; categories are one-hot with
one level for what is rare or unseen and one for NULL. Sums run in row order and the search on one
thread, so the thread count does not change the weights.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ml_assets.ml import codec as codecs
from ml_assets.ml.blas import one_thread
from ml_assets.ml.codec import Codec, Feature, to_matrix
from ml_assets.ml.training_table import Floats, Ints, labels, spread

if TYPE_CHECKING:
    import pyarrow as pa

RARE = 50
"""Fewest training rows for a category to have a weight of its own."""
ROWS = 300_000
"""Most rows to fit on, spread evenly: more would cost memory and change little."""
_BATCH = 100_000
_FARTHEST = 8.0
_BEND = 0.05
SETTINGS = {"maxiter": 150, "maxcor": 20, "ftol": 1e-9, "gtol": 1e-6}
_Gradient = Callable[[Floats, Floats], tuple[float, Floats]]


@dataclass(frozen=True)
class Scale:
    """How one number column is standardised; `flag` says that NULL occurred in training."""

    mean: float
    spread: float
    flag: bool


@dataclass(frozen=True)
class Design:
    """How rows become ones, numbers, missing flags and levels by category."""

    codec: Codec
    scales: tuple[Scale, ...]

    @staticmethod
    def fit(table: pa.Table, features: Sequence[str]) -> Design:
        """Fit on the rows of `table`."""
        codec = _common(codecs.fit(table, features), table)
        scales = tuple(_scale(column) for column in _numbers(codec, codec.encode(table)).T)
        return Design(codec, scales)

    @property
    def width(self) -> int:
        """Weights of all levels."""
        return sum(len(f.categories) + 2 for f in self.codec.features if f.kind == "category")

    def parts(self, table: pa.Table, batch: int = _BATCH) -> Iterator[tuple[Floats, list[Ints]]]:
        """Yield the design of `batch` rows after the other, of an empty table an empty one."""
        for start in range(0, table.num_rows or 1, batch):
            encoded = self.codec.encode(table.slice(start, batch))
            yield _design(self.codec, self.scales, encoded)

    def to_fields(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        scales = [[s.mean, s.spread, s.flag] for s in self.scales]
        return {"codec": self.codec.to_json(), "scales": scales}

    @staticmethod
    def from_fields(fields: dict[str, Any]) -> Design:
        """Build from what `to_fields` gave."""
        scales = tuple(Scale(*scale) for scale in fields["scales"])
        return Design(Codec.from_json(fields["codec"]), scales)


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


def _common(codec: Codec, table: pa.Table) -> Codec:
    """Drop categories rarer than RARE rows, which then are encoded as unseen."""
    encoded = codec.encode(table)
    return Codec(tuple(_common_feature(f, encoded[f.name]) for f in codec.features))


def _common_feature(feature: Feature, codes: pa.ChunkedArray) -> Feature:
    if feature.kind == "number":
        return feature
    counts = np.bincount(codes.drop_null().to_numpy(), minlength=len(feature.categories))
    kept = [c for c, n in zip(feature.categories, counts, strict=False) if n >= RARE]
    return Feature(feature.name, "category", tuple(kept))


def _scale(column: Floats) -> Scale:
    known = column[~np.isnan(column)]
    if not len(known):
        return Scale(0.0, 1.0, flag=False)
    return Scale(float(known.mean()), float(known.std()) or 1.0, len(known) < len(column))


def _numbers(codec: Codec, encoded: pa.Table) -> Floats:
    return to_matrix(encoded.select([f.name for f in codec.features if f.kind == "number"]))


def _design(codec: Codec, scales: Sequence[Scale], encoded: pa.Table) -> tuple[Floats, list[Ints]]:
    """Return ones, numbers and flags as a matrix, and for each category its weights' places."""
    numbers = _numbers(codec, encoded)
    missing = np.isnan(numbers)
    mean, spread = (np.array([getattr(s, k) for s in scales]) for k in ("mean", "spread"))
    scaled = np.where(missing, 0.0, (numbers - mean) / spread).clip(-_FARTHEST, _FARTHEST)
    flags = missing[:, [s.flag for s in scales]]
    dense = np.column_stack([np.ones(encoded.num_rows), scaled, flags])
    levels, start = [], dense.shape[1]
    for feature in (f for f in codec.features if f.kind == "category"):
        codes = encoded[feature.name].fill_null(-1).to_numpy()
        levels.append(codes.astype(np.int64) + 1 + start)
        start += len(feature.categories) + 2
    return dense, levels


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
