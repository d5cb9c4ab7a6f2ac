"""Out-of-fold predictions: every training row scored by a model that did not see its day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ml_assets.errors import DataError
from ml_assets.ml.classes import classes_of
from ml_assets.ml.model import answers
from ml_assets.ml.training_table import clusters

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets.ml.baselines import Predictor
    from ml_assets.ml.training_table import Floats

FOLDS = 5
"""Coprime with 7, so that every fold holds every day of the week."""


def out_of_fold(table: pa.Table, train: Callable[[pa.Table], Predictor]) -> Floats:
    """Return one score per row of the training window `table`, from FOLDS models of `train`.

    Of several classes it is one per row and class.

    Whole clusters are held out, every FOLDS-th one together: rows of a day share what happened on
    it, so a model that saw some of them would flatter itself on the others.
    """
    own = clusters(table)
    if own.max(initial=-1) + 1 < FOLDS:
        raise DataError(
            f"{own.max(initial=-1) + 1} clusters are too few for {FOLDS} folds.",
            "Train on more days.",
        )
    classes = classes_of(table)
    scores = np.empty((table.num_rows, len(classes)) if classes else table.num_rows)
    for fold in range(FOLDS):
        held = own % FOLDS == fold
        seen = table.filter(pa.array(~held))
        scores[held] = answers(train(seen), table.filter(pa.array(held)), classes)
    return scores
