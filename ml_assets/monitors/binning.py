"""Bins of each feature and of the score, fixed on the reference: what histograms are counted in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.ml import codec as codecs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_assets.ml.training_table import Floats, Ints

BINS = 20
"""Of equal counts in the reference: more would make the index of a quiet feature mostly noise."""


@dataclass(frozen=True)
class Bins:
    """How one column is cut: inner edges of numbers, or the named categories of text.

    Numbers have a bin between each two edges and one beyond either end; text has a bin per
    category and one for all others. The last bin of both is NULL.
    """

    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] | None = None

    @property
    def count(self) -> int:
        """Number of bins, NULL's among them."""
        inner = self.edges if self.categories is None else self.categories
        return len(inner) + 2

    def codes(self, values: pa.ChunkedArray) -> Ints:
        """Return the number of the bin of each value."""
        if self.categories is None:
            numbers: Floats = values.cast(pa.float64()).to_numpy()
            codes = np.searchsorted(np.asarray(self.edges), numbers, side="right")
            return np.where(np.isnan(numbers), self.count - 1, codes).astype(np.int64)
        known = pc.index_in(values, value_set=pa.array(self.categories, values.type))
        other = pc.fill_null(known, len(self.categories)).to_numpy().astype(np.int64)
        missing = pc.is_null(values).to_numpy()
        return np.where(missing, self.count - 1, other)


def fit_bins(table: pa.Table, features: Sequence[str]) -> dict[str, Bins]:
    """Return the bins of each feature from the reference's rows."""
    kinds = {item.name: item.kind for item in codecs.fit(table, features).features}
    return {
        name: _categories(table[name]) if kind == "category" else number_bins(_numbers(table[name]))
        for name, kind in kinds.items()
    }


def number_bins(values: Floats) -> Bins:
    """Return bins of equal counts over the finite `values`; fewer where values repeat."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Bins()
    inner = np.quantile(finite, np.linspace(0, 1, BINS + 1)[1:-1], method="lower")
    # The lowest value as an edge would leave an empty bin below it.
    return Bins(edges=tuple(float(edge) for edge in np.unique(inner) if edge > finite.min()))


def to_json(bins: Mapping[str, Bins]) -> object:
    """Return what `from_json` reads, as plain lists."""
    return {name: [list(item.edges), item.categories] for name, item in bins.items()}


def from_json(plain: Mapping[str, tuple[list[float], list[str] | None]]) -> dict[str, Bins]:
    """Read what `to_json` gave, also after a way through JSON text."""
    return {
        name: Bins(tuple(edges), None if categories is None else tuple(categories))
        for name, (edges, categories) in json.loads(json.dumps(plain)).items()
    }


def _numbers(values: pa.ChunkedArray) -> Floats:
    numbers: Floats = values.cast(pa.float64()).to_numpy()
    return numbers


def _categories(values: pa.ChunkedArray) -> Bins:
    counts = pc.value_counts(values.drop_null().combine_chunks())
    ranked = sorted(
        zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True),
        key=lambda pair: (-pair[1], str(pair[0])),
    )
    return Bins(categories=tuple(sorted(str(name) for name, _ in ranked[: BINS - 1])))
