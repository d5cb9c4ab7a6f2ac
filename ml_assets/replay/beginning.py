"""Where a replay can begin: its first model needs labels that are there by then."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from ml_assets.errors import DataError
from ml_assets.ml import split
from ml_assets.ml.training_table import LABEL_KNOWN_AT, PARTITION, PREDICTION_TIME
from ml_assets.tables.visibility import lookahead, slice_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.tables.pipeline import Pipeline

FEWEST = 3
"""Partitions with labels before a replay begins: one each to train, to tune and to test on."""


def beginning(pipeline: Pipeline, earliest: str | None = None) -> str | None:
    """Return the first partition, from `earliest` or the walk-forward's on, with a model for it.

    Labels count as known a lookahead after their day: when they really are, is in no table yet.
    """
    every = pipeline.partitions.keys()
    earliest = earliest or pipeline.declaration.model.split.walk_forward_from or ""
    return next(
        (
            key
            for number, key in enumerate(every)
            if key >= earliest and _trains(pipeline, every[:number])
        ),
        None,
    )


def labelled(pipeline: Pipeline, before: Sequence[str]) -> list[str]:
    """Return which of the first partitions can have their labels when the last of them is over."""
    node = pipeline.node(pipeline.declaration.label.table)
    if not node.partitioned or not before:
        return list(before)
    over = pipeline.partitions.window(before[-1]).end
    return [key for key in slice_keys(pipeline, node, over) if key]


def _trains(pipeline: Pipeline, before: Sequence[str]) -> bool:
    """Return whether a first model's windows in `before` leave it something to be fitted on."""
    keys, spec = labelled(pipeline, before), pipeline.declaration.model.split
    if len(keys) < FEWEST:
        return False
    days = _days(pipeline, keys)
    try:
        windows = split.settled(split.declared(keys, spec), days)
    except DataError:
        return False
    left, _ = split.earlier(days, windows.fit, windows.tune)
    return bool(left.num_rows)


def _days(pipeline: Pipeline, keys: Sequence[str]) -> pa.Table:
    """Return a row per day of the partitions, its label known a lookahead later."""
    ahead = lookahead(pipeline.node(pipeline.declaration.label.table))
    windows = [pipeline.partitions.window(key) for key in keys]
    rows = [
        (window.name, window.start + timedelta(days=day))
        for window in windows
        for day in range(max(1, (window.end - window.start).days))
    ]
    instants = pa.timestamp("us", "UTC")
    return pa.table(
        {
            PARTITION: [name for name, _ in rows],
            PREDICTION_TIME: pa.array([moment for _, moment in rows], instants),
            LABEL_KNOWN_AT: pa.array([moment + ahead for _, moment in rows], instants),
        }
    )
