"""What a pipeline's own `predict` returned, checked before anybody relies on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml_assets.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.ml.training_table import Bools, Floats

TOLERANCE = 1e-6
"""How far the probabilities of a row may add up to something else than 1: a few times what 32-bit
floats round."""


def checked(who: str, found: object, rows: int, classes: Sequence[str]) -> Floats:
    """Return what the function `who` returned as float64.

    DataError unless it is one number per row or, with `classes`, their probabilities per row.
    """
    try:
        answers: Floats = np.asarray(found, np.float64)
    except (TypeError, ValueError) as error:
        raise _misshapen(who, type(found).__name__, rows, classes) from error
    shape = (rows, len(classes)) if classes else (rows,)
    # A list of no rows does not say how many classes they would have.
    if answers.shape != shape and (rows or answers.size):
        raise _misshapen(who, f"an array of shape {answers.shape}", rows, classes)
    answers = answers.reshape(shape)
    if classes:
        _require_probabilities(who, answers)
    return answers


def _misshapen(who: str, what: str, rows: int, classes: Sequence[str]) -> DataError:
    wanted = "Return one number per row."
    if classes:
        wanted = (
            f"Return a probability per row and class, of shape ({rows}, {len(classes)}), the"
            f" columns in the order {', '.join(classes)}."
        )
    return DataError(f"{who} returned {what} for {rows:,} rows.", wanted)


def _require_probabilities(who: str, answers: Floats) -> None:
    sums: Floats = answers.sum(axis=1)
    infinite = ~np.isfinite(sums)
    if infinite.any():
        raise DataError(
            f"{who} returned NaN or infinity in {_share(infinite)}.",
            "Answer every row, also one whose features are NULL.",
        )
    negative: Bools = answers.min(axis=1) < 0
    if negative.any():
        raise DataError(
            f"{who} returned probabilities below 0 in {_share(negative)}, the least"
            f" {answers.min():.4g}.",
            "Return probabilities: from 0 to 1, of each row 1 in all.",
        )
    off = np.abs(sums - 1)
    odd = off > TOLERANCE
    if odd.any():
        raise DataError(
            f"{who} returned probabilities that do not add up to 1 in {_share(odd)}, but for"
            f" example to {sums[off.argmax()]:.6g}.",
            "Divide each row by its sum.",
        )


def _share(rows: Bools) -> str:
    return f"{int(rows.sum()):,} of {len(rows):,} rows"
