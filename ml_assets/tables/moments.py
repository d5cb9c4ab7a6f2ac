"""Whether tables say when their rows were known, or that always: time travel hides the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.errors import DeclarationError
from ml_assets.sql.tables import CleanedTable, FeatureTable, RawTable

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Node, Pipeline


def require_moment(pipeline: Pipeline, node: Node) -> None:
    """Raise DeclarationError where nothing says when a table's rows were known, nor that always.

    What is taken as known at all times is never hidden: a leak through it would not be found.
    """
    table = node.declared
    if isinstance(table, RawTable):
        if node.partitioned:
            _require_witness(pipeline, node)
    elif isinstance(table, CleanedTable):
        meaning = "of when a row's facts became known"
        _require(node, table, "known_at", table.known_at, meaning)
    elif isinstance(table, FeatureTable):
        meaning = "of the moment at which a prediction is asked for"
        _require(node, table, "prediction_time", table.prediction_time, meaning)


def _require(
    node: Node, table: CleanedTable | FeatureTable, key: str, moment: str | None, meaning: str
) -> None:
    if not table.static and moment is None:
        raise DeclarationError(
            f"{node.dotted} has no {key}, and is not declared static.",
            f"Declare {key}, the TIMESTAMPTZ column {meaning}, or `static: true` where all of it"
            " was known at all times.",
        )
    if table.static and (moment or table.time):
        named = key if moment else f"time {table.time}"
        raise DeclarationError(
            f"{node.dotted} is declared static, but has the {named}.",
            f"Leave out `static`, and declare {key}, the TIMESTAMPTZ column {meaning}.",
        )


def _require_witness(pipeline: Pipeline, node: Node) -> None:
    readers = [other for other in pipeline.nodes.values() if node.name in other.upstream]
    if not readers or any(
        isinstance(other.declared, CleanedTable)
        and other.declared.rows == node.dotted
        and other.declared.known_at
        for other in readers
    ):
        return
    raise DeclarationError(
        f"{node.dotted} has the time {node.declared.time} and is read by {readers[0].dotted}, but"
        " no cleaned table says when its rows became known.",
        f"Declare a cleaned table with `rows: {node.dotted}` and a known_at, and read that.",
    )
