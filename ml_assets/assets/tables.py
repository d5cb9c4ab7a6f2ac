"""Assets of cleaned and feature tables: one SELECT each, built slice by slice."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_assets.assets.lineage import Lineage
from ml_assets.assets.shell import (
    LINEAGE,
    TIME_TRAVEL,
    checks_of,
    declared,
    lake_of,
    table_arguments,
)
from ml_assets.assets.slices import (
    check,
    due,
    failure,
    keys_of,
    numbers,
    refused,
    reported,
    run_id,
)
from ml_assets.assets.verdicts import travelled, unproven
from ml_assets.errors import MLAssetsError
from ml_assets.tables.build import build_window
from ml_assets.tables.plan import Stored
from ml_assets.tables.stretches import build_together, driving_rows
from ml_assets.tables.summary import table_metadata
from ml_assets.warehouse import ledger

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ml_assets.tables.built import Built
    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Node, Pipeline


def select_asset(pipeline: "Pipeline", node: "Node", lineage: Lineage) -> dg.AssetsDefinition:
    """Return the asset that runs `node`'s SELECT."""

    def build(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        with lake_of(context, pipeline).get_connection() as con:
            try:
                built = _build_due(context, con, pipeline, node)
                verdict = list(_travel(context, con, pipeline, node))
            except MLAssetsError as error:
                yield from refused(pipeline, node, error)
                raise failure(error) from error
            metadata: dict[str, Any] = {**table_metadata(con, pipeline, node)}
            for name in checks_of(node):
                if name != TIME_TRAVEL:
                    yield check(pipeline, node, name, [], metadata)
            yield from verdict
            # Catalogs read a column's lineage from the newest materialization.
            metadata[LINEAGE] = lineage.recorded(pipeline.name)
            if not node.partitioned and built:
                metadata |= numbers(built[-1])
            yield dg.MaterializeResult(metadata=metadata)

    return declared(table_arguments(pipeline, node, lineage), build)


def _build_due(
    context: dg.AssetExecutionContext, con: "DuckDBPyConnection", pipeline: "Pipeline", node: "Node"
) -> "list[Built]":
    stored = Stored(ledger.current(con, pipeline.name))
    keys = due(context, pipeline, node, stored)

    def build(window: "Window | None") -> "list[Built]":
        return build_window(
            con, pipeline, node, window, run_id=run_id(context), on_wait=context.log.info
        )

    return reported(
        context, build_together(pipeline, keys, driving_rows(pipeline, node, stored), build)
    )


def _travel(
    context: dg.AssetExecutionContext, con: "DuckDBPyConnection", pipeline: "Pipeline", node: "Node"
) -> Iterator[dg.AssetCheckResult]:
    """Yield the time-travel check's result, which says what it covers."""
    if TIME_TRAVEL not in checks_of(node):
        return
    stored = Stored(ledger.current(con, pipeline.name))
    # What was just built is among them, and what a killed run or a failed check left.
    partitions = unproven(context.instance, pipeline, node, stored) or keys_of(context, node)
    yield travelled(context, con, pipeline, node, stored, partitions)
