"""Neighbouring slices are built together, in one SELECT and one transaction: it costs less."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.tables.visibility import driving_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ml_assets.tables.built import Built
    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Node, Pipeline
    from ml_assets.tables.plan import Stored

ROWS = 1_000_000
"""Driving rows up to which slices share a SELECT, so that memory does not grow with history."""


def build_together(
    pipeline: Pipeline,
    keys: Sequence[str | None],
    rows: Mapping[str, int] | None,
    build: Callable[[Window | None], list[Built]],
) -> Iterator[list[Built]]:
    """Yield what `build` stored, stretch by stretch; `rows` of None keeps the slices apart.

    Where one slice of a stretch breaks its contract, its fellows are built one by one, so that
    those before it are stored and the error names it alone.
    """
    partitioned = [key for key in keys if key is not None]
    if len(partitioned) < len(keys):
        yield build(None)
    for window in stretches(pipeline, partitioned, rows):
        try:
            built = build(window)
        except DataError:
            if len(window.keys) == 1:
                raise
            for key in window.keys:
                yield build(pipeline.partitions.window(key))
        else:
            yield built


def driving_rows(pipeline: Pipeline, node: Node, stored: Stored) -> dict[str, int] | None:
    """Return the rows that drive each slice of a SELECT; None where all of them see the same."""
    source = driving_table(pipeline, node)
    if not source.partitioned:
        return None
    return stored.rows(source)


def stretches(
    pipeline: Pipeline, keys: Sequence[str], rows: Mapping[str, int] | None
) -> list[Window]:
    """Return windows of neighbours among `keys` with up to ROWS rows; with None one for each."""
    found: list[list[str]] = []
    size = 0
    for key in keys:
        own = rows.get(key, 0) if rows is not None else ROWS
        joins = bool(found) and pipeline.partitions.after(found[-1][-1]) == key
        if joins and size + own <= ROWS:
            found[-1].append(key)
            size += own
        else:
            found.append([key])
            size = own
    return [pipeline.partitions.window(*stretch) for stretch in found]
