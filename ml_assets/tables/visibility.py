"""What a slice may see: views over the upstream tables, in the in-memory catalog."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from ml_assets.errors import DeclarationError
from ml_assets.sql import windows
from ml_assets.sql.names import literal, qualified, quote
from ml_assets.sql.tables import CleanedTable, FeatureTable, RawTable
from ml_assets.warehouse.slices import PARTITION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Node, Pipeline

MEMORY = "memory"
_LENGTH = re.compile(r"(\d+) (minute|hour|day|week)s?")


def lookback(node: Node) -> timedelta:
    """Return how far before its window `node` sees upstream rows."""
    return _length(node, "lookback")


def lookahead(node: Node) -> timedelta:
    """Return how far after its window `node` sees upstream rows."""
    return _length(node, "lookahead")


def _length(node: Node, name: str) -> timedelta:
    if isinstance(node.declared, RawTable):
        return timedelta(0)
    text = getattr(node.declared, name)
    match = _LENGTH.fullmatch(text)
    if match is None:
        raise DeclarationError(
            f"{node.dotted} has the {name} {text!r}.",
            "Write a number of minutes, hours, days or weeks, such as 30 days.",
        )
    return timedelta(**{f"{match[2]}s": int(match[1])})


def partitions_seen(pipeline: Pipeline, node: Node, window: Window | None) -> list[str] | None:
    """Return the partitions of upstream tables that `node`'s slice reads; None means all."""
    if window is None:
        return None
    until = _seen_until(pipeline, node, window.end)
    return pipeline.partitions.overlapping(window.start - lookback(node), until)


def slice_keys(pipeline: Pipeline, node: Node, as_of: datetime | None = None) -> list[str | None]:
    """Return the keys of the slices that `node` can have, [None] for one built whole.

    By now, or as it was at `as_of`, also in a history that is closed since. A slice that looks
    ahead has to wait until the partitions it looks at are over.
    """
    if not node.partitioned:
        return [None]
    keys = pipeline.partitions.keys(as_of)
    if not keys:
        return []
    over = pipeline.partitions.window(keys[-1]).end
    until = over if as_of is None else min(over, as_of)
    return [key for key in keys if buildable_at(pipeline, node, key) <= until]


def buildable_at(pipeline: Pipeline, node: Node, key: str) -> datetime:
    """Return when a slice can be built: what it looks ahead at is over then."""
    return _seen_until(pipeline, node, pipeline.partitions.window(key).end)


def _seen_until(pipeline: Pipeline, node: Node, end: datetime) -> datetime:
    """Return the end of the partitions that a slice which ends at `end` reads."""
    ahead = lookahead(node)
    return pipeline.partitions.closing(pipeline.partitions.local(end) + ahead) if ahead else end


@contextmanager
def visible(
    con: DuckDBPyConnection, pipeline: Pipeline, node: Node, window: Window | None
) -> Iterator[None]:
    """Let `node`'s SELECT run verbatim: its two-part names are views of what the slice may see."""
    con.execute(f"USE {quote(MEMORY)}")
    con.execute(slice_variables(pipeline, window))
    try:
        for layer, table in node.upstream:
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {qualified(layer)}")
            upstream = pipeline.nodes[layer, table]
            stored = qualified(pipeline.name, *upstream.name)
            keys = partitions_seen(pipeline, node, window) if upstream.partitioned else None
            con.execute(windows.view(layer, table, seen(node, upstream, window, stored, keys)))
        yield
    finally:
        for layer, table in node.upstream:
            con.execute(f"DROP VIEW IF EXISTS {qualified(MEMORY, layer, table)}")


def slice_variables(pipeline: Pipeline, window: Window | None) -> str:
    """Return the statements that set what SELECTs read through getvariable()."""
    zone = pipeline.declaration.time_zone
    if window is not None:
        return windows.set_slice(zone, window.start, window.end)
    return (
        f"SET VARIABLE time_zone = {literal(zone)}; "
        "SET VARIABLE slice_start = CAST('-infinity' AS TIMESTAMPTZ); "
        "SET VARIABLE slice_end = CAST('infinity' AS TIMESTAMPTZ)"
    )


def seen(
    node: Node,
    upstream: Node,
    window: Window | None,
    relation: str,
    partitions: Sequence[str] | None = None,
) -> str:
    """Return the SELECT of the rows that `node`'s slice may read.

    `relation` holds the rows of `upstream`, in `partitions` where it is partitioned.
    """
    exact = window is not None and not isinstance(upstream.declared, RawTable)
    time = upstream.declared.time if exact else None
    drives = isinstance(node.declared, CleanedTable) and node.declared.rows == upstream.dotted
    return windows.seen(
        relation,
        list(upstream.types),
        time=quote(time) if time else None,
        lookback=getattr(node.declared, "lookback", "0 days"),
        lookahead=getattr(node.declared, "lookahead", "0 days"),
        exclude=node.declared.exclude.values() if drives else (),  # type: ignore[union-attr]
        partitions=partitions,
    )


def driving(pipeline: Pipeline, node: Node, window: Window | None) -> str:
    """Return the SELECT of the driving table's rows that `node`'s slices answer for.

    `_partition` says which of them; it is NULL where the table is built whole.
    """
    source = driving_table(pipeline, node)
    raw = isinstance(source.declared, RawTable)
    rows = windows.seen(
        qualified(pipeline.name, *source.name),
        [*source.types, *([PARTITION] if source.partitioned else [])],
        time=quote(source.declared.time) if window and source.declared.time and not raw else None,
        partitions=window.keys if window and source.partitioned else None,
    )
    if window is not None and source.partitioned:
        return rows
    replaced = f"* EXCLUDE ({quote(PARTITION)})" if source.partitioned else "*"
    return f"SELECT {replaced}, {partition_literal(window)} AS {quote(PARTITION)} FROM ({rows})"


def driving_table(pipeline: Pipeline, node: Node) -> Node:
    """Return the table that has one row for each of `node`'s."""
    if not isinstance(node.declared, CleanedTable | FeatureTable):
        raise TypeError(f"{node.dotted} has no driving table")
    return pipeline.node(node.declared.rows)


def partition_literal(window: Window | None) -> str:
    """Return SQL for the key of a window of one partition, NULL for a table built whole."""
    return "CAST(NULL AS VARCHAR)" if window is None else literal(*window.keys)
