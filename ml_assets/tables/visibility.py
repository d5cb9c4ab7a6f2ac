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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Node, Pipeline

MEMORY = "memory"
_LOOKBACK = re.compile(r"(\d+) (minute|hour|day|week)s?")


def lookback(node: Node) -> timedelta:
    """Return how far before its window `node` sees upstream rows."""
    if isinstance(node.declared, RawTable):
        return timedelta(0)
    match = _LOOKBACK.fullmatch(node.declared.lookback)
    if match is None:
        raise DeclarationError(
            f"{node.dotted} has the lookback {node.declared.lookback!r}.",
            "Write a number of minutes, hours, days or weeks, such as 30 days.",
        )
    return timedelta(**{f"{match[2]}s": int(match[1])})


def partitions_seen(pipeline: Pipeline, node: Node, window: Window | None) -> list[str] | None:
    """Return the partitions of upstream tables that `node`'s slice reads; None means all."""
    if window is None:
        return None
    return pipeline.partitions.overlapping(window.start - lookback(node), window.end)


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
            con.execute(windows.view(layer, table, seen(pipeline, node, upstream, window)))
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


def seen(pipeline: Pipeline, node: Node, upstream: Node, window: Window | None) -> str:
    """Return the SELECT of `upstream`'s rows that `node`'s slice may read."""
    keys = partitions_seen(pipeline, node, window) if upstream.partitioned else None
    exact = window is not None and not isinstance(upstream.declared, RawTable)
    time = upstream.declared.time if exact else None
    drives = isinstance(node.declared, CleanedTable) and node.declared.rows == upstream.dotted
    return windows.seen(
        qualified(pipeline.name, *upstream.name),
        list(upstream.types),
        time=quote(time) if time else None,
        lookback="0 days" if isinstance(node.declared, RawTable) else node.declared.lookback,
        exclude=node.declared.exclude.values() if drives else (),  # type: ignore[union-attr]
        partitions=keys,
    )


def driving(pipeline: Pipeline, node: Node, window: Window | None) -> str:
    """Return the SELECT of the driving table's rows that `node`'s slice answers for."""
    if not isinstance(node.declared, CleanedTable | FeatureTable):
        raise TypeError(f"{node.dotted} has no driving table")
    source = pipeline.node(node.declared.rows)
    raw = isinstance(source.declared, RawTable)
    return windows.seen(
        qualified(pipeline.name, *source.name),
        list(source.types),
        time=quote(source.declared.time) if window and source.declared.time and not raw else None,
        partitions=[window.key] if window and source.partitioned else None,
    )
