"""The design of linear models: how rows become ones, numbers, missing flags and levels.

Numbers are standardised, their missing values get the mean and a flag; categories are one-hot with
one level for what is rare or unseen and one for NULL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.ml import codec as codecs
from ml_assets.ml.codec import Codec, Feature, to_matrix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from ml_assets.ml.training_table import Floats, Ints

RARE = 50
"""Fewest training rows for a category to have a weight of its own."""
BATCH = 100_000
"""Rows whose design is in memory at once, unless told otherwise."""
_FARTHEST = 8.0


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

    def parts(
        self, table: pa.Table, batch: int | None = None
    ) -> Iterator[tuple[Floats, list[Ints]]]:
        """Yield the design of `batch` rows after the other, of an empty table an empty one."""
        step = batch or BATCH
        for start in range(0, table.num_rows or 1, step):
            encoded = self.codec.encode(table.slice(start, step))
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
