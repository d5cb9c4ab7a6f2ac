"""Training refuses slices of different code: what must be rebuilt before it may read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.errors import StaleError
from ml_assets.tables.plan import plan

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Node, Pipeline
    from ml_assets.tables.plan import Stored


def training_tables(pipeline: Pipeline) -> list[Node]:
    """Return the tables a training set reads: features and label."""
    return [*pipeline.features, pipeline.node(pipeline.declaration.label.table)]


def training_inputs(pipeline: Pipeline) -> list[Node]:
    """Return the tables a training set reads, and all they are built from."""
    direct = training_tables(pipeline)
    names = {other.name for node in direct for other in (node, *pipeline.ancestors(node))}
    return [node for node in pipeline.ordered if node.name in names]


def require_one_version(pipeline: Pipeline, stored: Stored) -> None:
    """Raise StaleError, naming tables and partitions, unless every input is up to date."""
    names = {node.name for node in training_inputs(pipeline)}
    # A partition that was never loaded is not there to train on; a table must be.
    due = plan(pipeline, stored, sources={}, missing=False)
    steps = [step for step in due if step.node.name in names]
    if not steps:
        return
    lines = "\n".join(
        f"- {step.node.dotted} {step.partition or ''}: {step.reason}" for step in steps[:20]
    )
    more = f"\n- and {len(steps) - 20} more" if len(steps) > 20 else ""
    raise StaleError(
        f"{pipeline.name} would train on a mix: {len(steps)} slices are not up to date."
        f"\n{lines}{more}\n",
        f"Run `ml-assets run {pipeline.name}` or materialize them; "
        f"`ml-assets plan {pipeline.name}` lists them.",
    )
