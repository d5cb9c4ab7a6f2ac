"""Scores and labels as `outcomes_sql` gives them, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from ml_assets.ml.classes import aligned, from_maps, is_text, ordered, places

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
        return beside(score.to_numpy(), (), label, known)
    own = [name for name, _ in score[0].as_py()] if len(score) else []
    return beside(from_maps(score, own), own, label, known)


def beside(
    score: Floats, own: Sequence[str], label: pa.ChunkedArray, known: Iterable[str] = ()
) -> Answered:
    """Return the answers `score` on the classes `own` and what happened, as `answered` does."""
    happened = label.drop_null().to_pylist() if is_text(label.type) else []
    classes = ordered({*own, *known, *happened})
    return Answered(aligned(score, own, classes), places(label, classes), classes)
