"""Simple predictors that a model must beat; each could serve as well, so each is plain JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
import pyarrow as pa

from ml_assets.ml import codec as codecs
from ml_assets.ml import multinomial, one_vs_rest
from ml_assets.ml.codec import Codec
from ml_assets.ml.custom import Custom
from ml_assets.ml.linear import Linear
from ml_assets.ml.multinomial import Multinomial
from ml_assets.ml.one_vs_rest import OneVsRest
from ml_assets.ml.training_table import MULTICLASS, Floats, Ints, labels, require_trainable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.ml.custom import Recipe
    from ml_assets.ml.spec import ModelSpec

SMOOTHING = 20
"""Rows of the overall rate mixed into every group."""


class Predictor(Protocol):
    """Anything that scores rows: the model or a baseline."""

    @property
    def name(self) -> str:
        """Short name, the same in every run."""

    @property
    def description(self) -> str:
        """What it does, in words."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes it answers for, sorted; none for yes or no and for a number."""

    def predict(self, table: pa.Table) -> Floats:
        """Return one float64 per row: the probability, or the value in the label's unit.

        With classes, a probability per row and class.
        """


class Baseline(Predictor, Protocol):
    """A predictor that writes itself as JSON for `load`."""

    def to_json(self) -> str:
        """Return all that `load` needs."""


@dataclass(frozen=True)
class Constant:
    """The same answer for every row: the base rate, or the median."""

    value: float
    problem: str
    name: ClassVar[str] = "constant"
    classes: ClassVar[tuple[str, ...]] = ()

    @property
    def description(self) -> str:
        """What it does, in words."""
        return f"{'base rate' if self.problem == 'binary' else 'median'} {self.value:.4g}"

    @staticmethod
    def fit(table: pa.Table, problem: str) -> Constant:
        """Fit on the labels of `table`."""
        return Constant(_center(labels(table), problem), problem)

    def predict(self, table: pa.Table) -> Floats:
        """Return the constant once per row."""
        return np.full(table.num_rows, self.value)

    def to_json(self) -> str:
        """Return all that `load` needs."""
        return json.dumps({"kind": self.name, **asdict(self)})


@dataclass(frozen=True)
class Rate:
    """The smoothed rate (binary) or median (regression) of the row's group in training."""

    codec: Codec
    groups: tuple[int, ...]
    """Group numbers seen in training, ascending."""
    values: tuple[float, ...]
    overall: float
    name: ClassVar[str] = "rate"
    classes: ClassVar[tuple[str, ...]] = ()

    @property
    def description(self) -> str:
        """What it does, in words."""
        return f"historical average by {', '.join(self.codec.names)}"

    @staticmethod
    def fit(table: pa.Table, columns: Sequence[str], problem: str) -> Rate:
        """Fit on the labels of `table`, grouped by `columns`; NULL is a value like another."""
        label = labels(table)
        codec = codecs.fit(_as_text(table, columns), columns)
        numbers = _group_numbers(codec, table)
        groups, codes, counts = np.unique(numbers, return_inverse=True, return_counts=True)
        overall = _center(label, problem)
        means = _rates if problem == "binary" else _medians
        own = means(label, codes, counts)
        values = (counts * own + SMOOTHING * overall) / (counts + SMOOTHING)
        return Rate(codec, tuple(groups.tolist()), tuple(values.tolist()), overall)

    def predict(self, table: pa.Table) -> Floats:
        """Return the group's value; the overall one for a group never seen."""
        numbers = _group_numbers(self.codec, table)
        groups = np.asarray(self.groups)
        place = np.searchsorted(groups, numbers).clip(max=len(groups) - 1)
        return np.where(groups[place] == numbers, np.asarray(self.values)[place], self.overall)

    def to_json(self) -> str:
        """Return all that `load` needs."""
        return json.dumps(
            {
                "kind": self.name,
                "codec": self.codec.to_json(),
                "groups": self.groups,
                "values": self.values,
                "overall": self.overall,
            }
        )


def fit(
    table: pa.Table, features: Sequence[str], spec: ModelSpec, recipes: Sequence[Recipe] = ()
) -> list[Baseline]:
    """Fit every baseline on the training rows: constant, rate (where declared), linear, `recipes`.

    A recipe is a file that the pipeline brings along.
    """
    require_trainable(table, spec.problem, spec.minimum_rows, "training")
    found = [fit_one(Constant.name, table, features, spec)]
    if spec.rate_baseline:
        found.append(fit_one(Rate.name, table, features, spec))
    found.append(fit_one(Linear.name, table, features, spec))
    return [*found, *(recipe.fit(table) for recipe in recipes)]


def fit_one(name: str, table: pa.Table, features: Sequence[str], spec: ModelSpec) -> Baseline:
    """Fit the baseline of the platform called `name`."""
    if spec.problem == MULTICLASS:
        if name == Linear.name:
            return Multinomial.fit(table, features)
        binary = replace(spec, problem="binary")
        return OneVsRest.fit(table, lambda rows: fit_one(name, rows, features, binary))
    if name == Linear.name:
        return Linear.fit(table, features, spec.problem)
    if name == Rate.name:
        return Rate.fit(table, spec.rate_baseline, spec.problem)
    return Constant.fit(table, spec.problem)


def load(text: str) -> Baseline:
    """Read a baseline that wrote itself with `to_json`."""
    fields = json.loads(text)
    kind = fields.pop("kind")
    if kind == Constant.name:
        return Constant(**fields)
    if kind == Rate.name:
        codec = Codec.from_json(fields.pop("codec"))
        return Rate(codec, tuple(fields["groups"]), tuple(fields["values"]), fields["overall"])
    if kind == Linear.name:
        return Linear.from_fields(fields)
    if kind == one_vs_rest.KIND:
        return OneVsRest(tuple(fields["classes"]), tuple(map(load, fields["parts"])))
    if kind == multinomial.KIND:
        return Multinomial.from_fields(fields)
    if kind == Custom.kind:
        return Custom.from_fields(fields)
    raise ValueError(f"no baseline is called {kind!r}")


def _center(label: Floats, problem: str) -> float:
    return float(label.mean() if problem == "binary" else np.median(label))


def _as_text(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    codecs.require_columns(table, columns)
    return pa.table({name: table[name].cast(pa.string()) for name in columns})


def _group_numbers(codec: Codec, table: pa.Table) -> Ints:
    """Return one number per combination of values; unseen values and NULL count as values."""
    encoded = codec.encode(_as_text(table, codec.names))
    numbers: Ints = np.zeros(table.num_rows, np.int64)
    for feature in codec.features:
        codes = encoded[feature.name].fill_null(-1).to_numpy() + 1
        numbers = numbers * (len(feature.categories) + 2) + codes
    return numbers


def _rates(label: Floats, codes: Ints, counts: Ints) -> Floats:
    sums: Floats = np.bincount(codes, label).astype(np.float64)
    return sums / counts


def _medians(label: Floats, codes: Ints, counts: Ints) -> Floats:
    ordered = label[np.lexsort((label, codes))]
    first = np.cumsum(counts) - counts
    low, high = ordered[first + (counts - 1) // 2], ordered[first + counts // 2]
    middle: Floats = (low + high) / 2
    return middle
