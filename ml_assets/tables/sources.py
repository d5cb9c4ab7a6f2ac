"""The sources of raw tables: where they are, and what they deliver now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.sources.resolve import resolve
from ml_assets.sql.tables import RawTable

if TYPE_CHECKING:
    from ml_assets.sources.base import Source
    from ml_assets.tables.pipeline import Node, Pipeline


def source_of(node: Node) -> Source:
    """Return the source of a raw table; raises DeclarationError where it is declared wrong."""
    return resolve(raw_table(node).source, node.folder)


def fingerprints(pipeline: Pipeline) -> dict[str, str]:
    """Return what the source of every raw table delivers now, by the table's name."""
    return {node.table: fingerprint_of(node) for node in pipeline.ordered if node.layer == "raw"}


def fingerprint_of(node: Node) -> str:
    """Return the identity of what a raw table's source delivers now; DataError names the table."""
    try:
        return source_of(node).fingerprint()
    except DataError as fault:
        raise DataError(f"{node.dotted}: {fault.fact}", fault.hint) from fault


def raw_table(node: Node) -> RawTable:
    """Return what is declared of a raw table."""
    if not isinstance(node.declared, RawTable):
        raise TypeError(f"{node.dotted} is no raw table")
    return node.declared
