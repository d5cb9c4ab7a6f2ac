"""Whether tables of events say when they were known: what does not, no time travel can hide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.errors import DeclarationError
from ml_assets.sql.tables import CleanedTable, FeatureTable, RawTable

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Node, Pipeline


def require_moment(pipeline: Pipeline, node: Node) -> None:
    """Raise DeclarationError where a table has a time, but nothing says when its rows were known.

    Without that it would count as static: known at all times, and never hidden.
    """
    if not node.partitioned:
        return
    if isinstance(node.declared, RawTable):
        _require_witness(pipeline, node)
    elif isinstance(node.declared, CleanedTable) and node.declared.known_at is None:
        _refuse(node, "known_at", "of when a row's facts became known")
    elif isinstance(node.declared, FeatureTable) and node.declared.prediction_time is None:
        _refuse(node, "prediction_time", "of the moment at which a prediction is asked for")


def _refuse(node: Node, key: str, meaning: str) -> None:
    raise DeclarationError(
        f"{node.dotted} has the time {node.declared.time}, but no {key}: its rows would count as"
        " known at all times.",
        f"Declare {key}, the TIMESTAMPTZ column {meaning}; only a table without time is static.",
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
