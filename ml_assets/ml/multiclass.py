"""Metrics of several classes: a `score` per row and class, a `label` that is a class number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets.ml.training_table import Bools, Floats, Ints

CLIP = float(np.finfo(np.float64).eps)


def log_losses(label: Floats, score: Floats) -> Floats:
    """Return each row's negative log likelihood; a certain error costs 36, not infinity."""
    right = score[np.arange(len(score)), label.astype(np.int64)]
    return np.asarray(-np.log(right.clip(CLIP, 1.0)))


def squared_errors(label: Floats, score: Floats) -> Floats:
    """Return each row's squared distance of the probabilities from what happened."""
    happened = label[:, None] == np.arange(score.shape[1])
    return np.asarray(((score - happened) ** 2).sum(axis=1))


def entropies(score: Floats) -> Floats:
    """Return the log loss that a calibrated model expects of each row."""
    return np.asarray(-(score * np.log(score.clip(CLIP, 1.0))).sum(axis=1))


def chosen(score: Floats) -> Ints:
    """Return the most probable class of each row; of equal ones the first."""
    return np.asarray(score.argmax(axis=1), np.int64)


def hits(label: Floats, score: Floats) -> Bools:
    """Return whether the most probable class is what happened."""
    return np.asarray(chosen(score) == label)


def log_loss(label: Floats, score: Floats) -> float:
    """Return the mean negative log likelihood in nats."""
    return float(log_losses(label, score).mean())


def accuracy(label: Floats, score: Floats) -> float:
    """Return the share of rows whose most probable class is what happened."""
    return float(hits(label, score).mean())


def macro_auc(auc: Callable[[Floats, Floats], float]) -> Callable[[Floats, Floats], float]:
    """Return the mean of `auc` over each class against all others, of classes that happened."""

    def mean(label: Floats, score: Floats) -> float:
        each = [auc((label == k).astype(np.float64), score[:, k]) for k in happened(label)]
        return float(np.mean(each))

    return mean


def macro_f1(label: Floats, score: Floats) -> float:
    """Return the mean F1 of the classes that happened, each counted once."""
    found = [member(label, score, k) for k in happened(label)]
    return float(np.mean([f1(*(rows.sum() for rows in counts)) for counts in found]))


def happened(label: Floats) -> Ints:
    """Return the numbers of the classes that some label is."""
    return np.unique(label).astype(np.int64)


def member(label: Floats, score: Floats, k: int) -> tuple[Floats, Floats, Floats]:
    """Return per row whether it was class `k`, was predicted to be, and both."""
    was, said = (label == k).astype(np.float64), (chosen(score) == k).astype(np.float64)
    return was, said, was * said


def f1(was: Floats, said: Floats, both: Floats) -> Floats:
    """Return the harmonic mean of precision and recall from counts; NaN where nothing was."""
    with np.errstate(invalid="ignore"):
        return np.where(was > 0, 2 * both / (was + said), np.nan)


def confusion(label: Floats, score: Floats) -> Ints:
    """Return rows by class that happened (down) and class predicted (across)."""
    count = score.shape[1]
    cells = label.astype(np.int64) * count + chosen(score)
    return np.bincount(cells, minlength=count * count).reshape(count, count)
