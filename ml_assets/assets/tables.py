"""Assets of cleaned and feature tables: one SELECT each, built slice by slice."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_assets.assets.lineage import Lineage
from ml_assets.assets.shell import LINEAGE, checks_of, declared, lake_of, table_arguments
from ml_assets.assets.slices import (
    check,
    due,
    failure,
    keys_of,
    numbers,
    refused,
    report_built,
    run_id,
)
from ml_assets.errors import MLAssetsError
from ml_assets.sql.tables import FeatureTable
from ml_assets.tables.build import build_slice
from ml_assets.tables.built import Built
from ml_assets.tables.summary import table_metadata
from ml_assets.tables.time_travel import Travelled, travel

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Node, Pipeline


TIME_TRAVEL = "time_travel"


def select_asset(pipeline: "Pipeline", node: "Node", lineage: Lineage) -> dg.AssetsDefinition:
    """Return the asset that runs `node`'s SELECT."""

    def build(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        with lake_of(context, pipeline).get_connection() as con:
            try:
                built = list(_build_due(context, con, pipeline, node))
                travelled = _travel(context, con, pipeline, node, built)
            except MLAssetsError as error:
                yield from refused(pipeline, node, error)
                raise failure(error) from error
            for name in checks_of(node):
                if name != TIME_TRAVEL:
                    yield check(pipeline, node, name, [])
            if travelled is not None:
                yield _time_travel_check(pipeline, node, travelled)
            metadata: dict[str, Any] = {**table_metadata(con, pipeline, node)}
            # Catalogs read a column's lineage from the newest materialization.
            metadata[LINEAGE] = lineage.recorded(pipeline.name)
            if not node.partitioned and built:
                metadata |= numbers(built[-1])
            yield dg.MaterializeResult(metadata=metadata)

    return declared(table_arguments(pipeline, node, lineage), build)


def _build_due(
    context: dg.AssetExecutionContext, con: "DuckDBPyConnection", pipeline: "Pipeline", node: "Node"
) -> Iterator[Built]:
    for key in due(context, con, pipeline, node):
        window = pipeline.partitions.window(key) if key is not None else None
        built = build_slice(
            con, pipeline, node, window, run_id=run_id(context), on_wait=context.log.info
        )
        report_built(context, built)
        yield built


def _travel(
    context: dg.AssetExecutionContext,
    con: "DuckDBPyConnection",
    pipeline: "Pipeline",
    node: "Node",
    built: list[Built],
) -> Travelled | None:
    if not isinstance(node.declared, FeatureTable) or node.declared.prediction_time is None:
        return None
    partitions = [item.partition for item in built] or keys_of(context, node)
    travelled = travel(con, pipeline, node, partitions)
    context.log.info(travelled.summary)
    for fault in travelled.faults:
        context.log.error(fault)
    return travelled


def _time_travel_check(
    pipeline: "Pipeline", node: "Node", travelled: Travelled
) -> dg.AssetCheckResult:
    result = check(pipeline, node, TIME_TRAVEL, travelled.faults)
    return result._replace(
        metadata={
            **result.metadata,
            "cutoffs": dg.MetadataValue.int(len(travelled.cutoffs)),
            "rows_compared": dg.MetadataValue.int(travelled.rows),
            "leaking": dg.MetadataValue.json(list(travelled.leaking)),
        }
    )
