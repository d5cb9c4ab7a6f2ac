"""Assets of raw tables: what a source delivers, typed, with the rows that could not be."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_assets.assets.shell import checks_of, declared, lake_of, table_arguments
from ml_assets.assets.slices import (
    check,
    due,
    failure,
    numbers,
    refused,
    report_built,
    run_id,
)
from ml_assets.errors import MLAssetsError
from ml_assets.tables import load
from ml_assets.tables.summary import table_metadata

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ml_assets.tables.built import Built
    from ml_assets.tables.pipeline import Node, Pipeline

UNDECLARED = "undeclared_columns"


def raw_asset(pipeline: "Pipeline", node: "Node") -> dg.AssetsDefinition:
    """Return the asset that loads `node` from its source."""
    arguments = table_arguments(pipeline, node, None)
    arguments["check_specs"].append(
        dg.AssetCheckSpec(
            UNDECLARED, asset=arguments["key"], description="The source has no undeclared columns."
        )
    )

    def build(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        with lake_of(context, pipeline).get_connection() as con:
            try:
                keys = due(context, con, pipeline, node)
                loading, built = _load(context, con, pipeline, node, keys) if keys else (None, [])
            except MLAssetsError as error:
                yield from refused(pipeline, node, error)
                raise failure(error) from error
            for name in checks_of(node):
                yield check(pipeline, node, name, [])
            yield _undeclared(pipeline, node, loading)
            metadata: dict[str, Any] = {**table_metadata(con, pipeline, node)}
            if loading is not None:
                metadata |= {"source": loading.source, "rows_outside_partitions": loading.outside}
            if not node.partitioned and built:
                metadata |= numbers(built[-1])
            yield dg.MaterializeResult(metadata=metadata)

    return declared(arguments, build)


def _load(
    context: dg.AssetExecutionContext,
    con: "DuckDBPyConnection",
    pipeline: "Pipeline",
    node: "Node",
    keys: list[str | None],
) -> tuple[load.Loading, "list[Built]"]:
    loading = load.read_source(con, pipeline, node)
    for warning in loading.warnings:
        context.log.warning(warning)
    if loading.outside:
        context.log.warning(
            f"{node.dotted}: {loading.outside:,} rows lie outside the declared partitions."
        )
    built = []
    for item in load.store(
        con, pipeline, loading, keys, run_id=run_id(context), on_wait=context.log.info
    ):
        report_built(context, item)
        built.append(item)
    return loading, built


def _undeclared(
    pipeline: "Pipeline", node: "Node", loading: load.Loading | None
) -> dg.AssetCheckResult:
    warnings = loading.warnings if loading is not None else ()
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey([pipeline.name, *node.name]),
        check_name=UNDECLARED,
        passed=not warnings,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(f"- {text}" for text in warnings) or None,
    )
