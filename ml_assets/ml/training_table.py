"""The columns every training table carries beside keys and features, read as arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml_assets.errors import DataError

PARTITION = "_partition"
CLUSTER = "_cluster"
PREDICTION_TIME = "_prediction_time"
LABEL_KNOWN_AT = "_label_known_at"
LABEL = "_label"
MULTICLASS = "multiclass"
"""The problem whose labels are text: one of several classes."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def column(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Return column `name`; DataError when it is missing or holds a NULL."""
    if name not in table.column_names:
        raise DataError(f"The training table has no column {name}.", "Build the training set anew.")
    values = table[name]
    if values.null_count:
        raise DataError(
            f"Column {name} of the training table is NULL in {values.null_count:,} rows.",
            "Leave rows without a mature label out of the training set.",
        )
    return values


def labels(table: pa.Table) -> Floats:
    """Return the labels as float64, one per row; DataError on NULL, NaN or infinity."""
    values: Floats = column(table, LABEL).cast(pa.float64()).to_numpy()
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise DataError(
            f"Column {LABEL} is NaN or infinite in {bad:,} of {len(values):,} rows.",
            "Correct the label's SQL expression in defs.yaml.",
        )
    return values


def clusters(table: pa.Table) -> Ints:
    """Return the row's cluster as a dense number from 0, in the order of the cluster values."""
    _, codes = np.unique(column(table, CLUSTER).to_numpy(), return_inverse=True)
    return codes.astype(np.int64)


def partitions_of(table: pa.Table) -> list[str]:
    """Return the partitions that have a row, in order."""
    return sorted(table[PARTITION].unique().to_pylist())


def spread(table: pa.Table, most: int) -> pa.Table:
    """Return at most `most` rows of `table`, spread evenly and in order."""
    if table.num_rows <= most:
        return table
    return table.take(pa.array(np.linspace(0, table.num_rows - 1, most).astype(np.int64)))


def require_trainable(table: pa.Table, problem: str, minimum_rows: int, window: str) -> None:
    """Raise DataError unless `table` has enough rows and, two classes."""
    if table.num_rows < minimum_rows:
        raise DataError(
            f"The {window} window has {table.num_rows:,} rows, fewer than minimum_rows = "
            f"{minimum_rows:,}.",
            "Declare a longer window or lower model.minimum_rows in defs.yaml.",
        )
    if problem == "binary":
        require_both_classes(labels(table), f"the {window} window")
    if problem == MULTICLASS and len(column(table, LABEL).unique()) < 2:
        raise DataError(
            f"Only one class in the {window} window: all {table.num_rows:,} labels are "
            f"{table[LABEL][0].as_py()!r}.",
            "Check the label's expression, or choose a window that holds several classes.",
        )


def require_both_classes(label: Floats, where: str) -> None:
    """Raise DataError unless `label` holds 0 and 1, both of them and nothing else."""
    classes = np.unique(label)
    strange = classes[(classes != 0) & (classes != 1)]
    if len(strange):
        raise DataError(
            f"A binary label must be 0 or 1, but {where} holds {strange[0]:g}.",
            "Make the label a BOOLEAN expression, or declare problem: multiclass or regression.",
        )
    if len(classes) < 2:
        held = f"all {len(label):,} labels are {classes[0]:g}" if len(classes) else "no label"
        raise DataError(
            f"Only one class in {where}: {held}.",
            "Check the label's expression, or choose a window that holds both classes.",
        )
