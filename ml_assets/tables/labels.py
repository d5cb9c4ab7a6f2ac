"""Every label as SQL, with the moment it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.ml.training_table import MULTICLASS
from ml_assets.sql.names import columns, qualified, quote
from ml_assets.sql.tables import CleanedTable
from ml_assets.tables.entities import among
from ml_assets.tables.visibility import lookahead, slice_keys

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Node, Pipeline


def labels_sql(pipeline: Pipeline, key: list[str]) -> str:
    """Return the SELECT of every label, NULL where there is none, with the moment it is known.

    `_label_partition` says in which slice it is. A slice that looks ahead at what is not over, left
    from before it did, has none.
    """
    label = pipeline.declaration.label
    node = pipeline.node(label.table)
    if not isinstance(node.declared, CleanedTable) or node.declared.known_at is None:
        raise TypeError(f"{node.dotted} cannot be a label's table")
    return f"""
        SELECT {columns(key)}, CAST(({label.value}) AS {label_type(pipeline)}) AS _label,
            {quote(node.declared.known_at)} AS _label_known_at, _partition AS _label_partition
        FROM {qualified(pipeline.name, *node.name)}{_over(pipeline, node)}
    """


def label_type(pipeline: Pipeline) -> str:
    """Return the type of labels: text for classes, else numbers."""
    return "VARCHAR" if pipeline.declaration.model.problem == MULTICLASS else "DOUBLE"


def _over(pipeline: Pipeline, node: Node) -> str:
    if not node.partitioned or not lookahead(node):
        return ""
    return f" WHERE {among([key for key in slice_keys(pipeline, node) if key])}"
