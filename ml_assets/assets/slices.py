"""The loop that every partitioned asset shares: build what is due, slice by slice, and report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_assets.assets.shell import CHECKS, asset_key, checks_of
from ml_assets.tables.built import Built, SliceFaultError
from ml_assets.tables.load import fingerprint_of
from ml_assets.tables.plan import Stored, plan
from ml_assets.warehouse import ledger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from duckdb import DuckDBPyConnection

    from ml_assets.errors import MLAssetsError
    from ml_assets.tables.pipeline import Node, Pipeline

REFRESH_TAG = "ml_assets/refresh"
"""Run tag: slices that are up to date stay as they are."""


def keys_of(context: dg.AssetExecutionContext, node: Node) -> list[str | None]:
    """Return the partition keys of the run, or [None] for a table that is built whole."""
    return list(context.partition_keys) if node.partitioned else [None]


def due(
    context: dg.AssetExecutionContext, con: DuckDBPyConnection, pipeline: Pipeline, node: Node
) -> list[str | None]:
    """Return the slices of the run to build; in a refresh only those that are not up to date."""
    keys = keys_of(context, node)
    if REFRESH_TAG not in context.run.tags:
        return keys
    stored = Stored(ledger.current(con, pipeline.name))
    raw = node.layer == "raw"
    sources = {node.table: fingerprint_of(node)} if raw else {}
    stale = {
        step.partition for step in plan(pipeline, stored, sources) if step.node.name == node.name
    }
    found = [key for key in keys if key in stale]
    if not found:
        context.log.info("up to date")
    return found


def run_id(context: dg.AssetExecutionContext) -> str:
    """Return the id of the Dagster run."""
    return context.run.run_id


def report_built(context: dg.AssetExecutionContext, built: Built) -> None:
    """Log one line about a stored slice and attach its numbers to its partition."""
    accounting = built.accounting
    gone = [f"{accounting.rejected:,} rejected"] if accounting.rejected else []
    gone += [f"{n:,} excluded ({why})" for why, n in accounting.excluded.items() if n]
    gone += [f"{accounting.duplicates:,} duplicates"] if accounting.duplicates else []
    detail = f" of {accounting.rows:,}: {', '.join(gone)}" if gone else ""
    where = f"{built.partition}: " if built.partition else ""
    context.log.info(f"{where}{accounting.kept:,} rows{detail} ({built.seconds:.1f} s)")
    if built.partition is not None:
        context.add_asset_metadata(
            # Under names of their own: the table's totals stand beside them.
            {
                "dagster/partition_row_count": accounting.kept,
                **{f"partition_{name}": value for name, value in numbers(built).items()},
            },
            partition_key=built.partition,
        )


def numbers(built: Built) -> dict[str, Any]:
    """Return the accounting of one slice as Dagster metadata."""
    accounting = built.accounting
    return {
        "rows_in": accounting.rows,
        "rows_kept": accounting.kept,
        "rows_rejected": accounting.rejected,
        "rows_excluded": sum(accounting.excluded.values()),
        "rows_duplicate": accounting.duplicates,
        "snapshot": built.snapshot,
        "data_version": built.data_version,
    }


def refused(pipeline: Pipeline, node: Node, error: MLAssetsError) -> Iterator[dg.AssetCheckResult]:
    """Yield the checks that failed; the caller then raises, so nothing downstream runs."""
    faults: Mapping[str, list[str]] = {"schema": [str(error)]}
    if isinstance(error, SliceFaultError):
        faults = error.built.faults
    for name in checks_of(node):
        if name in faults:
            yield check(pipeline, node, name, faults[name])


def check(pipeline: Pipeline, node: Node, name: str, faults: list[str]) -> dg.AssetCheckResult:
    """Return the result of one of the node's checks: passed where there are no faults."""
    text = "\n".join(f"- {fault}" for fault in faults) or CHECKS[name]
    return dg.AssetCheckResult(
        asset_key=asset_key(pipeline, *node.name),
        check_name=name,
        passed=not faults,
        severity=dg.AssetCheckSeverity.ERROR,
        description=text,
        metadata={"faults": dg.MetadataValue.md(text)} if faults else {},
    )


def failure(error: MLAssetsError) -> dg.Failure:
    """Return the step failure that shows the fact and what to do."""
    return dg.Failure(
        description=str(error), metadata={"what to do": error.hint}, allow_retries=False
    )
