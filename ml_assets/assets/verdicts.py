"""Verdicts of the time-travel check: which stored slices no passed check has looked at."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.assets.events import latest_check
from ml_assets.assets.shell import TIME_TRAVEL, checks_of, verdict_key
from ml_assets.assets.slices import check
from ml_assets.errors import DataError
from ml_assets.tables.freshness import require_one_version
from ml_assets.tables.plan import WHOLE, Stored
from ml_assets.tables.time_travel import cutoffs_for, travel
from ml_assets.tables.world import forget_worlds
from ml_assets.warehouse import ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Node, Pipeline

PROVEN = "proven"
"""Metadata of a verdict: the slices it covers."""


def unproven(
    instance: dg.DagsterInstance, pipeline: Pipeline, node: Node, stored: Stored
) -> list[str | None]:
    """Return the slices of `node` that its newest passed time-travel check does not cover.

    A run may be killed between storing and checking, and a later run has nothing to build then.
    """
    if TIME_TRAVEL not in checks_of(node):
        return []
    passed = latest_check(instance, verdict_key(pipeline, node), passed=True)
    known = {} if passed is None else passed.values.get(PROVEN, {})
    now = proofs(pipeline, node, stored)
    return [partition for partition, proof in now.items() if known.get(partition or WHOLE) != proof]


def proofs(pipeline: Pipeline, node: Node, stored: Stored) -> dict[str | None, str]:
    """Return per stored slice what a verdict on it is about: its code, content and inputs.

    A slice that another run stores once more, the same from the same, stays proven.
    """
    code = [[one.dotted, one.code_version] for one in (*pipeline.ancestors(node), node)]
    return {
        item.partition: _digest([code, item.code_version, item.data_version, item.inputs])
        for item in stored.of(node)
    }


def _digest(meaning: object) -> str:
    # Sixteen digits: a verdict carries one for every slice of the table.
    text = json.dumps(meaning, sort_keys=True, default=dict)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def travelled(
    context: dg.AssetExecutionContext,
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    stored: Stored,
    partitions: Sequence[str | None],
) -> dg.AssetCheckResult:
    """Return the time-travel check's result on slices of `node`, which says what it covers."""
    found = travel(con, pipeline, node, partitions, cutoffs_for(stored, node, partitions))
    context.log.info(f"{node.dotted}: {found.summary}")
    for fault in found.faults:
        context.log.error(fault)
    result = check(pipeline, node, TIME_TRAVEL, found.faults)
    covered = {key or WHOLE: proof for key, proof in proofs(pipeline, node, stored).items()}
    return result._replace(
        metadata={
            **result.metadata,
            PROVEN: dg.MetadataValue.json(covered),
            "cutoffs": dg.MetadataValue.int(len(found.cutoffs)),
            "rows_compared": dg.MetadataValue.int(found.rows),
            "leaking": dg.MetadataValue.json(list(found.leaking)),
        }
    )


def prove(context: dg.AssetExecutionContext, con: DuckDBPyConnection, pipeline: Pipeline) -> None:
    """Check the feature tables that a killed run left unchecked, before they are trained on.

    Every attempt to train would fail on them until a refresh comes by. Raises StaleError where they
    are not up to date: what other code built is no leak.
    """
    stored = Stored(ledger.current(con, pipeline.name))
    require_one_version(pipeline, stored)
    for node in pipeline.features:
        partitions = unproven(context.instance, pipeline, node, stored)
        if partitions:
            said = travelled(context, con, pipeline, node, stored, partitions)
            _record(context.instance, verdict_key(pipeline, node), said)
    # Training needs the memory.
    forget_worlds(con)


def _record(instance: dg.DagsterInstance, key: dg.AssetCheckKey, said: dg.AssetCheckResult) -> None:
    """Record a verdict on a table that the step at work does not build."""
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=said.passed,
            metadata=said.metadata,
            severity=said.severity,
            description=said.description,
        )
    )


def require_proven(instance: dg.DagsterInstance, pipeline: Pipeline, stored: Stored) -> None:
    """Raise DataError where a feature table saw the future or was not checked for it."""
    for node in pipeline.features:
        newest = latest_check(instance, verdict_key(pipeline, node))
        if newest is not None and not newest.passed:
            raise DataError(
                f"{node.dotted} sees the future in {', '.join(newest.values['leaking'])}.",
                "Correct the SELECT, its lookback, or known_at of what it reads, and materialize"
                " it again.",
            )
        open_ = unproven(instance, pipeline, node, stored)
        if open_:
            keys = ", ".join(key or "the whole table" for key in open_[:5])
            more = f" and {len(open_) - 5} more" if len(open_) > 5 else ""
            raise DataError(
                f"{node.dotted} was never checked for leaks since {keys}{more} was built.",
                f"Run `ml-assets run {pipeline.name}` or materialize it again.",
            )
