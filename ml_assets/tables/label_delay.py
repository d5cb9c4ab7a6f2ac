"""How long labels take: until when one may still come."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.sql.names import columns, qualified, quote
from ml_assets.sql.windows import instant
from ml_assets.tables.labels import labels_sql
from ml_assets.tables.plan import Stored
from ml_assets.tables.spine import spine
from ml_assets.tables.visibility import lookahead, slice_keys
from ml_assets.warehouse import ledger

if TYPE_CHECKING:
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Pipeline

SHARE = 0.99
"""Of the labels that come: what comes later than all but a hundredth is not waited for."""

LOOKED_AT = 20_000
"""Entities that are enough to know a quantile by."""


def label_delay(con: DuckDBPyConnection, pipeline: Pipeline, as_of: datetime) -> timedelta | None:
    """Return the SHARE quantile of the time from an entity to its label; None before any is known.

    Only labels known at `as_of` count. Of young entities these are the quick ones, so that those
    count that are older than the longest delay known; where there is none, that delay is taken. Of
    many entities a sample by key is looked at.
    """
    node, table = spine(pipeline)
    key, time = list(table.key), quote(table.time or "")
    entities = qualified(pipeline.name, *node.name)
    counted = con.execute(f"SELECT count(*) FROM {entities}").fetchone()
    sampled = f"hash({columns(key)}) % {1 + (counted or (0,))[0] // LOOKED_AT} = 0"
    row = con.execute(f"""
        WITH known AS (
            SELECT {time} AS _time, greatest(_label_known_at - {time}, INTERVAL 0 SECOND) AS delay
            FROM (FROM {entities} WHERE {sampled})
            JOIN (FROM ({labels_sql(pipeline, key)}) WHERE {sampled}) USING ({columns(key)})
            WHERE _label IS NOT NULL AND _label_known_at <= {instant(as_of)}
        ), longest AS (SELECT max(delay) AS delay FROM known)
        SELECT coalesce(
            quantile_disc(known.delay, {SHARE})
                FILTER (_time <= {instant(as_of)} - longest.delay),
            max(known.delay))
        FROM known, longest
    """).fetchone()
    found: timedelta | None = None if row is None else row[0]
    return found


def settled_until(
    con: DuckDBPyConnection, pipeline: Pipeline, as_of: datetime
) -> np.datetime64 | None:
    """Return the last local day of whose entities no more labels are waited for, None of none."""
    delay = label_delay(con, pipeline, as_of)
    if delay is None:
        return None
    last = pipeline.partitions.local(as_of - delay).date() - timedelta(days=1)
    coming = _first_to_come(con, pipeline, as_of)
    if coming is not None:
        last = min(last, pipeline.partitions.days(coming)[0] - timedelta(days=1))
    return np.datetime64(last)


def _first_to_come(con: DuckDBPyConnection, pipeline: Pipeline, as_of: datetime) -> str | None:
    """Return the first partition whose labels are in no slice at `as_of`, None with all there.

    A label can be known before its slice can be built: that looks ahead at whole partitions. In a
    closed history it never can at the end.
    """
    node = pipeline.node(pipeline.declaration.label.table)
    if not node.partitioned or not lookahead(node):
        return None
    by_then = slice_keys(pipeline, node, as_of)
    stored = {item.partition for item in Stored(ledger.current(con, pipeline.name)).of(node)}
    closed = pipeline.partitions.spec.end is not None
    expected = slice_keys(pipeline, node) if closed else pipeline.partitions.keys(as_of)
    return next((key for key in expected if key not in stored or key not in by_then), None)
