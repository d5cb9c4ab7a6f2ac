"""Assets of raw tables: what a source delivers, typed, with the rows that could not be."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_assets.assets.events import latest_check
from ml_assets.assets.shell import asset_key, checks_of, declared, lake_of, table_arguments
from ml_assets.assets.slices import (
    check,
    due,
    failure,
    numbers,
    refused,
    reported,
    run_id,
)
from ml_assets.errors import MLAssetsError
from ml_assets.tables import load
from ml_assets.tables.plan import Stored
from ml_assets.tables.sources import fingerprint_of
from ml_assets.tables.stretches import build_together
from ml_assets.tables.summary import table_metadata
from ml_assets.warehouse import ledger

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ml_assets.tables.built import Built
    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Node, Pipeline

UNDECLARED = "undeclared_columns"
SOURCE, COLUMNS = "fingerprint", "undeclared"
"""Metadata of the check: which delivery it is about, and what that brought."""


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
                keys = due(context, pipeline, node, Stored(ledger.current(con, pipeline.name)))
                loading, built = _load(context, con, pipeline, node, keys) if keys else (None, [])
                undeclared = _undeclared(context, con, pipeline, node, loading)
            except MLAssetsError as error:
                yield from refused(pipeline, node, error)
                raise failure(error) from error
            for name in checks_of(node):
                yield check(pipeline, node, name, [])
            yield undeclared
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
    loading = load.read_source(con, pipeline, node, keys)
    for warning in loading.warnings:
        context.log.warning(warning)
    if loading.outside:
        context.log.warning(
            f"{node.dotted}: {loading.outside:,} rows lie outside the declared partitions."
        )

    def store(window: "Window | None") -> "list[Built]":
        return load.store_window(
            con, pipeline, loading, window, run_id=run_id(context), on_wait=context.log.info
        )

    return loading, reported(context, build_together(pipeline, keys, {}, store))


def _undeclared(
    context: dg.AssetExecutionContext,
    con: "DuckDBPyConnection",
    pipeline: "Pipeline",
    node: "Node",
    loading: load.Loading | None,
) -> dg.AssetCheckResult:
    """Return what the last delivery brought undeclared; a run that loads nothing says it again."""
    key = asset_key(pipeline, *node.name)
    if loading is None:
        said = latest_check(context.instance, dg.AssetCheckKey(key, UNDECLARED))
        source = fingerprint_of(node)
        if said is not None and said.values.get(SOURCE) == source:
            return _verdict(key, source, said.values[COLUMNS])
        # The run that loaded it was killed before it could say so.
        loading = load.read_source(con, pipeline, node)
    return _verdict(key, loading.fingerprint, list(loading.warnings))


def _verdict(key: dg.AssetKey, source: str, warnings: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=UNDECLARED,
        passed=not warnings,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(f"- {text}" for text in warnings) or None,
        metadata={SOURCE: source, COLUMNS: dg.MetadataValue.json(warnings)},
    )
