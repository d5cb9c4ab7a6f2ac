"""What every table asset has in common: key, group, schema, lineage, checks, metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_assets.assets.columns import column_schema
from ml_assets.sql.tables import CleanedTable, FeatureTable, RawTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets.assets.lineage import Lineage
    from ml_assets.tables.pipeline import Node, Pipeline
    from ml_assets.warehouse.resource import LakeResource

KINDS = {"raw": {"duckdb", "parquet"}, "cleaned": {"duckdb", "sql"}, "features": {"duckdb", "sql"}}

LINEAGE = "dagster/column_lineage"

RUN_GUARD = "run_guard"
"""Name of the resource that tells live runs from killed ones."""

ACCOUNTING = "accounting"
TIME_TRAVEL = "time_travel"

CHECKS = {
    "schema": "Every declared column is there, with the declared type.",
    "rejected_rows": "No more rows were rejected than the contract allows.",
    "volume": "The number of rows is like that of the table's other slices.",
    ACCOUNTING: "Each key of the driving table is kept, rejected, a duplicate or excluded.",
    "known_at": "No row claims to be known before its event.",
    TIME_TRAVEL: "Hiding what was not yet known changes no feature.",
}


def asset_key(pipeline: Pipeline, *parts: str) -> dg.AssetKey:
    """Return the key of one of the pipeline's assets, which is also its table's name."""
    return dg.AssetKey([pipeline.name, *parts])


def verdict_key(pipeline: Pipeline, node: Node) -> dg.AssetCheckKey:
    """Return the key of the time-travel check of a feature table."""
    return dg.AssetCheckKey(asset_key(pipeline, *node.name), TIME_TRAVEL)


def checks_of(node: Node) -> list[str]:
    """Return the names of the checks that `node`'s builds answer."""
    names = ["schema", "rejected_rows", "volume"]
    if isinstance(node.declared, CleanedTable):
        names.append(ACCOUNTING)
        if node.declared.known_at and node.declared.event_time:
            names.append("known_at")
    if isinstance(node.declared, FeatureTable):
        names.append(ACCOUNTING)
        if node.declared.prediction_time:
            names.append(TIME_TRAVEL)
    return names


def lake_key(pipeline: Pipeline) -> str:
    """Return the name of the resource that holds the pipeline's lake."""
    return f"{pipeline.name}_lake"


def resources_of(pipeline: Pipeline) -> set[str]:
    """Return the resources every asset of the pipeline needs."""
    return {lake_key(pipeline), RUN_GUARD}


def lake_of(context: dg.AssetExecutionContext, pipeline: Pipeline) -> LakeResource:
    """Return the pipeline's lake in a running asset."""
    lake: LakeResource = getattr(context.resources, lake_key(pipeline))
    return lake


def table_arguments(pipeline: Pipeline, node: Node, lineage: Lineage | None) -> dict[str, Any]:
    """Return the keyword arguments of the `@dg.asset` that builds `node`."""
    key = asset_key(pipeline, *node.name)
    return {
        "key": key,
        "deps": [asset_key(pipeline, *name) for name in node.upstream],
        "group_name": pipeline.name,
        "kinds": KINDS[node.layer],
        "owners": list(pipeline.declaration.owners),
        "description": _description(node),
        "code_version": node.code_version,
        "metadata": _metadata(pipeline, node, lineage),
        "partitions_def": partitions_def(pipeline) if node.partitioned else None,
        "backfill_policy": dg.BackfillPolicy.single_run() if node.partitioned else None,
        "required_resource_keys": resources_of(pipeline),
        "check_specs": [
            dg.AssetCheckSpec(name, asset=key, blocking=True, description=CHECKS[name])
            for name in checks_of(node)
        ],
    }


def declared(arguments: dict[str, Any], build: Callable[..., Any]) -> dg.AssetsDefinition:
    """Return `build` as the asset that `arguments` describe."""
    definition: dg.AssetsDefinition = dg.asset(**arguments)(build)
    return definition


def partitions_def(pipeline: Pipeline) -> dg.TimeWindowPartitionsDefinition:
    """Return Dagster's form of the pipeline's time windows."""
    spec = pipeline.declaration.partitions
    partitions = pipeline.partitions
    return dg.TimeWindowPartitionsDefinition(
        start=spec.start,
        end=partitions.after(spec.end) if spec.end else None,
        cron_schedule={"day": "0 0 * * *", "week": "0 0 * * 1", "month": "0 0 1 * *"}[spec.every],
        fmt=partitions.format,
        timezone=pipeline.declaration.time_zone,
    )


def _description(node: Node) -> str:
    parts = [node.declared.description]
    if node.select is not None:
        parts.append(f"```sql\n{node.select.text.strip()}\n```")
    return "\n\n".join(parts)


def _metadata(pipeline: Pipeline, node: Node, lineage: Lineage | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "dagster/table_name": ".".join([pipeline.name, *node.name]),
        "dagster/column_schema": column_schema(node, lineage),
        "time": _time(node),
    }
    if lineage is not None:
        metadata[LINEAGE] = lineage.recorded(pipeline.name)
    return metadata


def _time(node: Node) -> str:
    table = node.declared
    if isinstance(table, RawTable):
        return f"partitioned by {table.time}" if table.time else "static: loaded whole"
    if isinstance(table, CleanedTable):
        return f"known at {table.known_at}" if table.known_at else "static: no moment of knowledge"
    if table.prediction_time is None:
        return "static: the same at every prediction time"
    return f"as of {table.prediction_time}, looking back {table.lookback}"
