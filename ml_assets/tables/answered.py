"""Scores and labels as `outcomes_sql` gives them, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.ml.classes import from_maps, ordered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ml_assets.ml.training_table import Floats


@dataclass(frozen=True)
class Answered:
    """One entry per row; of several classes `score` has a column for each."""

    score: Floats
    label: Floats
    """NaN where none is known; of several classes their numbers."""
    classes: tuple[str, ...] = ()


def answered(rows: pa.Table, known: Iterable[str] = ()) -> Answered:
    """Return what one version answered on `rows`, and what happened.

    Classes are those it answered for, those in `known` and those that happened: rows of a class
    that nobody knew are measured as well.
    """
    score, label = rows["_score"], rows["_label"]
    if not pa.types.is_map(score.type):
        return Answered(score.to_numpy(), label.fill_null(np.nan).to_numpy())
    own = [name for name, _ in score[0].as_py()] if len(score) else []
    classes = ordered({*own, *known, *label.drop_null().to_pylist()})
    place = pc.index_in(label, pa.array(classes, pa.string())).cast(pa.float64())
    return Answered(from_maps(score, classes), place.fill_null(np.nan).to_numpy(), classes)
