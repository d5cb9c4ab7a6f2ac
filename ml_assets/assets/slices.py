"""The loop that every partitioned asset shares: build what is due, slice by slice, and report."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_assets.assets.shell import ACCOUNTING, CHECKS, asset_key, checks_of
from ml_assets.tables.built import Built, SliceFaultError
from ml_assets.tables.plan import plan
from ml_assets.tables.sources import fingerprint_of
from ml_assets.tables.visibility import slice_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ml_assets.errors import MLAssetsError
    from ml_assets.sql.accounting import Accounting
    from ml_assets.tables.pipeline import Node, Pipeline
    from ml_assets.tables.plan import Stored

FATES = ("rows_in", "rows_kept", "rows_rejected", "rows_excluded", "rows_duplicate")
"""Metadata that says what became of driving rows: the first is the sum of the others."""

REFRESH_TAG = "ml_assets/refresh"
"""Run tag: slices that are up to date stay as they are."""


def keys_of(context: dg.AssetExecutionContext, node: Node) -> list[str | None]:
    """Return the partition keys of the run, or [None] for a table that is built whole."""
    return list(context.partition_keys) if node.partitioned else [None]


def due(
    context: dg.AssetExecutionContext, pipeline: Pipeline, node: Node, stored: Stored
) -> list[str | None]:
    """Return the slices of the run to build; in a refresh only those that are not up to date."""
    there = set(slice_keys(pipeline, node))
    keys = [key for key in keys_of(context, node) if key in there]
    if REFRESH_TAG not in context.run.tags:
        return keys
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


def reported(
    context: dg.AssetExecutionContext, stretches: Iterable[Sequence[Built]]
) -> list[Built]:
    """Let the slices be built, reporting each and the time of each stretch; return them."""
    found: list[Built] = []
    start = time.monotonic()
    for stretch in stretches:
        now = time.monotonic()
        context.log.info(f"{_summed(stretch)} ({now - start:.1f} s)")
        for built in stretch:
            _attach(context, built)
        found += stretch
        start = now
    return found


def _summed(stretch: Sequence[Built]) -> str:
    """Return in a line what became of the rows of slices that were built together."""
    rejected, duplicates, excluded, kept = 0, 0, Counter[str](), 0
    for accounting in (built.accounting for built in stretch):
        kept += accounting.kept
        rejected += accounting.rejected
        duplicates += accounting.duplicates
        excluded.update(accounting.excluded)
    gone = [f"{rejected:,} rejected"] if rejected else []
    gone += [f"{n:,} excluded ({why})" for why, n in excluded.items() if n]
    gone += [f"{duplicates:,} duplicates"] if duplicates else []
    rows = sum(built.accounting.rows for built in stretch)
    detail = f" of {rows:,}: {', '.join(gone)}" if gone else ""
    keys = [built.partition for built in stretch if built.partition]
    where = f"{keys[0]} to {keys[-1]}: " if len(keys) > 1 else "".join(f"{key}: " for key in keys)
    return f"{where}{kept:,} rows{detail}"


def _attach(context: dg.AssetExecutionContext, built: Built) -> None:
    """Attach the numbers of a stored slice to its partition."""
    accounting = built.accounting
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
    return {
        **_fates(built.accounting),
        "snapshot": built.snapshot,
        "data_version": built.data_version,
    }


def _fates(accounting: Accounting) -> dict[str, int]:
    counts = (
        accounting.rows,
        accounting.kept,
        accounting.rejected,
        sum(accounting.excluded.values()),
        accounting.duplicates,
    )
    return dict(zip(FATES, counts, strict=True))


def refused(pipeline: Pipeline, node: Node, error: MLAssetsError) -> Iterator[dg.AssetCheckResult]:
    """Yield the checks that failed; the caller then raises, so nothing downstream runs."""
    faults: Mapping[str, list[str]] = {"schema": [str(error)]}
    counts: dict[str, int] = {}
    if isinstance(error, SliceFaultError):
        faults, counts = error.built.faults, _fates(error.built.accounting)
    for name in checks_of(node):
        if name in faults:
            yield check(pipeline, node, name, faults[name], counts)


def check(
    pipeline: Pipeline,
    node: Node,
    name: str,
    faults: list[str],
    counts: Mapping[str, int] | None = None,
) -> dg.AssetCheckResult:
    """Return the result of one of the node's checks: passed where there are no faults.

    The accounting shows what `counts` says of the rows of the table, or of the slice at fault.
    """
    shown = (counts or {}) if name == ACCOUNTING else {}
    text = "\n".join(f"- {fault}" for fault in faults) or CHECKS[name]
    return dg.AssetCheckResult(
        asset_key=asset_key(pipeline, *node.name),
        check_name=name,
        passed=not faults,
        severity=dg.AssetCheckSeverity.ERROR,
        description=text,
        metadata={
            **({"faults": dg.MetadataValue.md(text)} if faults else {}),
            **{name: shown[name] for name in FATES if name in shown},
        },
    )


def failure(error: MLAssetsError) -> dg.Failure:
    """Return the step failure that shows the fact and what to do."""
    return dg.Failure(
        description=str(error), metadata={"what to do": error.hint}, allow_retries=False
    )
