"""The codec: feature columns as LightGBM reads them, numbers as float64, categories as codes.

A category's code is its place among the sorted values of the training rows; a value never seen in
training gets the code after the last. NULL (and NaN in numbers) stays null: LightGBM reads an Arrow
null as missing, the same in training and prediction. Infinity is an error, not a number.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["number", "category"]


@dataclass(frozen=True)
class Feature:
    """One feature column; `categories` are the sorted values seen in training."""

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Codec:
    """Ordered features, as fitted on the training rows only."""

    features: tuple[Feature, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in codec order."""
        return tuple(feature.name for feature in self.features)

    @property
    def categorical(self) -> tuple[int, ...]:
        """Positions of the category columns."""
        return tuple(i for i, f in enumerate(self.features) if f.kind == "category")

    def encode(self, table: pa.Table) -> pa.Table:
        """Return float64 (number) and int32 (category) columns in codec order, nulls kept."""
        require_columns(table, self.names)
        return pa.table({f.name: _encode(f, table[f.name]) for f in self.features})

    def to_json(self) -> str:
        """Return the codec as JSON: equal codecs give equal text."""
        rows = [
            {"name": f.name, "kind": f.kind}
            | ({"categories": f.categories} if f.categories else {})
            for f in self.features
        ]
        return json.dumps({"features": rows}, ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Codec:
        """Read what `to_json` wrote."""
        return Codec(
            tuple(
                Feature(row["name"], row["kind"], tuple(row.get("categories", ())))
                for row in json.loads(text)["features"]
            )
        )


def fit(table: pa.Table, features: Sequence[str]) -> Codec:
    """Fit a codec on the training rows in `table`: text is a category, the rest numbers."""
    if not features:
        raise DataError("A model needs a feature, got none.", "Declare model.features.")
    require_columns(table, features)
    return Codec(tuple(_fit(name, table[name]) for name in features))


def require_columns(table: pa.Table, names: Sequence[str]) -> None:
    """Raise DataError naming every column of `names` that `table` lacks or holds twice."""
    for count, fault in ((0, "lacks"), (2, "has more than once")):
        wrong = [name for name in names if min(table.column_names.count(name), 2) == count]
        if wrong:
            raise DataError(
                f"The table {fault} the feature columns {', '.join(wrong)}.",
                f"Give each of the {len(names)} features once; order and other columns are free.",
            )


def _fit(name: str, values: pa.ChunkedArray) -> Feature:
    values = _plain(values)
    if not _is_text(values.type):
        _numbers(name, values)
        return Feature(name, "number")
    seen = pc.unique(values).drop_null().to_pylist()
    return Feature(name, "category", tuple(sorted(seen)))


def _encode(feature: Feature, values: pa.ChunkedArray) -> pa.ChunkedArray:
    values = _plain(values)
    if feature.kind == "number":
        return _numbers(feature.name, values)
    return _codes(feature, values)


def _codes(feature: Feature, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if not _is_text(values.type) and not pa.types.is_null(values.type):
        raise _wrong_type(feature.name, "category", values)
    values = values.cast(pa.string())
    codes = pc.index_in(values, value_set=pa.array(feature.categories, pa.string()))
    other = pa.scalar(len(feature.categories), pa.int32())
    return pc.if_else(values.is_valid(), pc.fill_null(codes, other), pa.scalar(None, pa.int32()))


def _numbers(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if not _is_number(values.type):
        raise _wrong_type(name, "number", values)
    floats = values.cast(pa.float64(), safe=False)
    endless = pc.sum(pc.is_inf(floats)).as_py()
    if endless:
        raise DataError(
            f"Column {name} is infinite in {endless:,} of {len(floats):,} rows.",
            "Divide by nullif(x, 0) in its SQL, so that what is undefined is NULL.",
        )
    return pc.if_else(pc.is_nan(floats), pa.scalar(None, pa.float64()), floats)


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Undo dictionary encoding, which makes LightGBM abort the process; text becomes string."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return values.cast(pa.string()) if _is_text(values.type) else values


def _is_text(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in tests)


def _is_number(kind: pa.DataType) -> bool:
    tests = (
        pa.types.is_floating,
        pa.types.is_integer,
        pa.types.is_boolean,
        pa.types.is_decimal,
        pa.types.is_null,
    )
    return any(test(kind) for test in tests)


def _wrong_type(name: str, kind: Kind, values: pa.ChunkedArray) -> DataError:
    first = next((repr(value) for value in values.drop_null()[:1].to_pylist()), "no value")
    wanted = "a number" if kind == "number" else "text"
    return DataError(
        f"Feature {name} is a {kind}, but its column holds {values.type}: {first}.",
        f"Give {wanted}, or cast it in the feature's SQL.",
    )


def to_matrix(encoded: pa.Table) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return encoded columns as a float64 matrix of shape (rows, features), null as NaN."""
    columns = [encoded[name].cast(pa.float64()).to_numpy() for name in encoded.column_names]
    return np.column_stack(columns) if columns else np.empty((encoded.num_rows, 0))
