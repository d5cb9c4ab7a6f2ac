"""retraining_decision: retrain, hold or blocked, with its reason, once per evaluation."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_assets import clock
from ml_assets.assets.contracts import broken_contracts
from ml_assets.assets.events import latest
from ml_assets.assets.grounds import findings, history
from ml_assets.assets.settled import settled
from ml_assets.assets.shell import asset_key
from ml_assets.assets.slices import run_id
from ml_assets.assets.step import step_asset
from ml_assets.assets.watch_page import write_page
from ml_assets.loop.decide import decide
from ml_assets.loop.decision import Decision
from ml_assets.tables.findings import MONITORS
from ml_assets.tables.pipeline import code_hash
from ml_assets.warehouse.appended import (
    DecisionRow,
    append,
)
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline

NAME = "retraining_decision"
UNBLOCKED = "unblocked"
"""The check by which people hear that the loop waits for them."""
JSON = "decision"
"""Metadata: the decision as JSON, for the sensor."""


def decision_asset(pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the asset that evaluates the policy."""
    return step_asset(
        pipeline,
        NAME,
        _evaluate,
        after=[("monitoring", monitor) for monitor in MONITORS],
        code_version=code_hash(asdict(pipeline.declaration.retraining)),
        kinds={"duckdb"},
        description="What to do about the champion, and why; each evaluation is a row of"
        " ops.decisions.",
        checks=[
            dg.AssetCheckSpec(
                UNBLOCKED,
                asset=asset_key(pipeline, NAME),
                description="Data is whole and the breaker closed: the loop needs no person.",
            )
        ],
    )


def _evaluate(pipeline: Pipeline, context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    settings = Settings.from_environment()
    with settled(context, pipeline, settings) as books:
        con = books.con
        version = books.champion()
        found = [
            *findings(con, pipeline, version),
            *broken_contracts(context.instance, pipeline),
        ]
        past = history(context.instance, con, pipeline, version, context.run.run_id)
        decision = decide(found, past, pipeline.declaration.retraining, clock.now())
        decided = DecisionRow(**{**vars(decision), "run_id": run_id(context)})
        append(con, pipeline.name, decided, on_wait=context.log.info)
        context.log.info(f"{decision.action}: {decision.reason}")
        page = _page(context, con, pipeline, version)
    return dg.MaterializeResult(
        metadata={**_metadata(decision), **page},
        check_results=[_unblocked(pipeline, decision)],
    )


def _page(
    context: dg.AssetExecutionContext,
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    version: Version | None,
) -> dict[str, dg.MetadataValue]:
    """Write the page; what goes wrong with it must not keep the sensor from a decision."""
    try:
        path = write_page(con, pipeline, Settings.from_environment(), version)
    except Exception as error:  # noqa: BLE001 - a page is not worth a decision
        context.log.warning(f"the page of the loop could not be written: {error!r}")
        return {}
    return {"page": dg.MetadataValue.path(path)}


def newest_decision(instance: dg.DagsterInstance, pipeline: Pipeline) -> Decision | None:
    """Return the decision of the newest evaluation from the event log, None before the first."""
    told = latest(instance, asset_key(pipeline, NAME))
    if told is None:
        return None
    values = json.loads(told[JSON])
    for name in ("event_time", "decided_at", "until"):
        if values[name] is not None:
            values[name] = datetime.fromisoformat(values[name])
    return Decision(**values)


def _unblocked(pipeline: Pipeline, decision: Decision) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset_key(pipeline, NAME),
        check_name=UNBLOCKED,
        passed=decision.action != "blocked",
        severity=dg.AssetCheckSeverity.ERROR,
        description=decision.reason,
    )


def _metadata(decision: Decision) -> dict[str, Any]:
    plain = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in vars(decision).items()
        if not name.startswith("_")
    }
    shown = {name: value for name, value in plain.items() if value is not None}
    return {**shown, JSON: dg.MetadataValue.text(json.dumps(plain))}
