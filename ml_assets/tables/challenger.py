"""What a challenger of today would be trained on, and whether that is what the champion was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.errors import DataError
from ml_assets.ml import split
from ml_assets.ml.training_table import LABEL_KNOWN_AT, partitions_of
from ml_assets.sql.names import columns, qualified, quote
from ml_assets.sql.windows import instant
from ml_assets.tables.labels import labels_sql
from ml_assets.tables.quality import broken_slices
from ml_assets.tables.spine import spine
from ml_assets.tables.training import apart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from ml_assets.ml.split import Windows
    from ml_assets.tables.pipeline import Pipeline


def challenger_windows(pipeline: Pipeline, known: pa.Table, as_of: datetime) -> Windows:
    """Return which partitions train, tune and test a challenger; DataError where they are too few.

    `known` has the partition and the times of every label that is known at `as_of`.
    """
    declared = pipeline.declaration
    window = declared.retraining.window
    held_out = window.held_out(declared.partitions.every)
    closed = closed_partitions(pipeline, known, as_of)
    windows = split.retraining(closed, declared.model.split, held_out, window.train)
    return split.settled(windows, known)


def closed_partitions(pipeline: Pipeline, known: pa.Table, as_of: datetime) -> list[str]:
    """Return the partitions whose labels are there, in order.

    Of the others the quick labels are known only, and these are not like the rest: a fraud is
    reported before anybody knows that there was none.
    """
    keys = partitions_of(known)
    ends = {key: pipeline.partitions.window(key).end for key in keys}
    return split.closed(known, ends, as_of)


def repeats(
    pipeline: Pipeline, known: pa.Table, champion: Mapping[str, Sequence[str]], as_of: datetime
) -> bool:
    """Return whether a challenger would be trained and tuned on just what the champion was.

    `champion` has its partitions that `train` and those among them that `tune`: a refit has none of
    these. Where there are too few to train one, there is nothing new either.
    """
    try:
        windows = challenger_windows(pipeline, known, as_of)
    except DataError:
        return True
    return (windows.train, windows.tune) == (tuple(champion["train"]), tuple(champion["tune"]))


def known_by(known: pa.Table, as_of: datetime) -> pa.Table:
    """Return what of `known`, read later, was known at `as_of`."""
    latest = pa.scalar(as_of, pa.timestamp("us", "UTC"))
    return known.filter(pc.less_equal(known[LABEL_KNOWN_AT], latest))


def label_times(con: DuckDBPyConnection, pipeline: Pipeline, as_of: datetime) -> pa.Table:
    """Return partition and times of every label that is known at `as_of`, in any order.

    What is judged broken trains and judges nobody: its partitions are left out.
    """
    node, table = spine(pipeline)
    key = list(table.key)
    return con.execute(f"""
        SELECT _partition, {quote(table.prediction_time or "")} AS _prediction_time, _label_known_at
        FROM {qualified(pipeline.name, *node.name)}
        JOIN ({labels_sql(pipeline, key)}) USING ({columns(key)})
        WHERE _label IS NOT NULL AND _label_known_at <= {instant(as_of)}
            AND {apart(broken_slices(con, pipeline))}
    """).to_arrow_table()
