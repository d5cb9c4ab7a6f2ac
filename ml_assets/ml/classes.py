"""The classes of a multiclass label: which there are, their numbers, and answers on all of them.

A label column of text holds classes, one of numbers none. Every model keeps the classes of its own
training rows. Where several models or other rows are looked at, answers are put on the vocabulary
of all of them: a class that a model never saw gets the probability 0 there, so that its rows cost
what a certain error costs and are never left out.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.errors import DataError
from ml_assets.ml.training_table import LABEL, Floats, column, labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CLASSES = "classes.json"
"""The file in which a model keeps its classes."""
MOST = 50
"""Classes beyond which a column is no label of classes: each has a tree per round."""
_INTEGER = re.compile(r"-?\d+")


def classes_of(*tables: pa.Table) -> tuple[str, ...]:
    """Return the classes in the labels of all `tables`, sorted; none where labels are numbers."""
    found: set[str] = set()
    for table in tables:
        values = column(table, LABEL)
        if is_text(values.type):
            found.update(pc.unique(values).to_pylist())
    if len(found) > MOST:
        raise DataError(
            f"The label has {len(found):,} classes, more than {MOST}.",
            "Group them in label.value, or declare problem: regression for a number.",
        )
    return ordered(found)


def ordered(found: Iterable[str]) -> tuple[str, ...]:
    """Return `found` sorted, whole numbers by size."""
    names = sorted(found)
    if all(_INTEGER.fullmatch(name) for name in names):
        names.sort(key=int)
    return tuple(names)


def codes(table: pa.Table, classes: Sequence[str]) -> Floats:
    """Return each label's place among `classes`; without any, the labels as numbers.

    A label that is none of them is a DataError, which names it.
    """
    if not classes:
        return labels(table)
    values = column(table, LABEL).cast(pa.string())
    found = pc.index_in(values, value_set=pa.array(classes, pa.string()))
    if found.null_count:
        other = pc.unique(values.filter(found.is_null())).to_pylist()
        raise DataError(
            f"{found.null_count:,} labels are none of the classes {', '.join(classes)}: "
            f"{', '.join(map(str, other[:5]))}.",
            "Take the classes from these rows as well.",
        )
    numbers: Floats = found.to_numpy().astype(np.float64)
    return numbers


def places(label: pa.ChunkedArray, classes: Sequence[str]) -> Floats:
    """Return each label's place among `classes`, numbers as they are; NaN where there is none."""
    if is_text(label.type):
        label = pc.index_in(label, pa.array(classes, pa.string())).cast(pa.float64())
    numbers: Floats = label.fill_null(np.nan).to_numpy()
    return numbers


def aligned(score: Floats, own: Sequence[str], classes: Sequence[str]) -> Floats:
    """Return answers on the classes `own` as columns of `classes`, 0 where `own` has none.

    A class of `own` that is not among `classes` is left out: no row that is looked at is of it.
    """
    if tuple(own) == tuple(classes):
        return score
    wide = np.zeros((len(score), len(classes)))
    shared = [name for name in own if name in classes]
    wide[:, [classes.index(name) for name in shared]] = score[:, [own.index(n) for n in shared]]
    return wide


def one_class(table: pa.Table, name: str) -> pa.Table:
    """Return `table` with the label 1 where it was `name` and 0 elsewhere."""
    is_it = pc.equal(column(table, LABEL).cast(pa.string()), name).cast(pa.float64())
    return table.set_column(table.column_names.index(LABEL), LABEL, is_it)


def to_maps(score: Floats, classes: Sequence[str]) -> pa.MapArray:
    """Return each row's probabilities by class, as a lake stores them."""
    rows, count = score.shape
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * count)
    names = pa.array(classes, pa.string()).take(pa.array(np.tile(np.arange(count), rows)))
    return pa.MapArray.from_arrays(offsets, names, pa.array(score.ravel()))


def from_maps(maps: pa.ChunkedArray, classes: Sequence[str]) -> Floats:
    """Return what `to_maps` stored, on `classes`, from rows that one model scored."""
    whole = pa.concat_arrays([pa.MapArray.from_arrays([0], [], []).cast(maps.type), *maps.chunks])
    if not len(whole):
        return np.empty((0, len(classes)))
    own = whole[0].as_py()
    score: Floats = whole.items.to_numpy().reshape(len(whole), len(own))
    return aligned(score, [name for name, _ in own], classes)


def to_json(classes: Sequence[str]) -> str:
    """Return classes as the file CLASSES holds them."""
    return json.dumps(list(classes), ensure_ascii=False)


def from_json(text: str) -> tuple[str, ...]:
    """Read what `to_json` wrote."""
    return tuple(json.loads(text))


def is_text(kind: pa.DataType) -> bool:
    """Whether labels of this type are classes."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
