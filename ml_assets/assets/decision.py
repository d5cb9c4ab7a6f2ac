"""retraining_decision: retrain, hold or blocked, with its reason, once per evaluation."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import dagster as dg

from ml_assets import clock
from ml_assets.assets.attempts import attempts_of
from ml_assets.assets.books import Books
from ml_assets.assets.contracts import broken_contracts
from ml_assets.assets.events import latest
from ml_assets.assets.live import settle
from ml_assets.assets.prospects import prospects
from ml_assets.assets.shell import asset_key, lake_of
from ml_assets.assets.slices import run_id
from ml_assets.assets.step import step_asset
from ml_assets.assets.successor import unscorable, untrained
from ml_assets.assets.watch_page import write_page
from ml_assets.loop.decide import decide
from ml_assets.loop.decision import Decision
from ml_assets.loop.episode import Outcome
from ml_assets.loop.history import History
from ml_assets.tables.challenger import label_times
from ml_assets.tables.evidence import evidence
from ml_assets.tables.findings import MONITORS, all_findings
from ml_assets.tables.overdue import FRESHNESS, expected, freshness_found
from ml_assets.tables.pipeline import code_hash
from ml_assets.tables.plan import Stored
from ml_assets.warehouse import ledger
from ml_assets.warehouse.appended import (
    DecisionRow,
    append,
    decisions,
    last_live,
    promotions,
    resets,
)
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from ml_assets.loop.decision import Action
    from ml_assets.loop.triggers import Finding
    from ml_assets.registry.versions import Version
    from ml_assets.tables.findings import Found
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
    with lake_of(context, pipeline).get_connection() as con:
        books = Books(pipeline=pipeline.name, settings=settings, con=con, on_wait=context.log.info)
        for row in settle(books):
            context.log.warning(f"the ledger lacked version {row.to_version}: {row.reason}")
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


def findings(con: DuckDBPyConnection, pipeline: Pipeline, version: Version | None) -> list[Finding]:
    """Return what the monitors say of the champion, and of the newest data."""
    stored = all_findings(con, pipeline)
    said = [*(item for item in stored if item.cause != FRESHNESS), *_fresh(con, pipeline, version)]
    return evidence(said, None if version is None else version.version)


def _fresh(con: DuckDBPyConnection, pipeline: Pipeline, version: Version | None) -> Iterator[Found]:
    """Yield whether the slice is there that is due by now.

    It is asked of the clock: who refreshes no more stores no verdict, and a history that was
    closed since has nothing that is late.
    """
    last = expected(pipeline, clock.now())
    if last is not None and version is not None:
        slices = Stored(ledger.current(con, pipeline.name))
        yield freshness_found(pipeline, slices, version.version, last)


def history(
    instance: dg.DagsterInstance,
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    version: Version | None,
    own: str | None = None,
) -> History:
    """Return everything the decision knows of the past, from the ledgers and the runs.

    `own` is the run that decides.
    """
    return History(
        decisions=[_decision(row) for row in decisions(con, pipeline.name)],
        attempts=attempts_of(instance, pipeline, own),
        outcomes=[
            Outcome(
                episode=row.episode,
                promoted=row.promoted,
                at=row.promoted_at,
                waits=row.waits,
            )
            for row in promotions(con, pipeline.name)
            if row.episode is not None
        ],
        resets=[row.reset_at for row in resets(con, pipeline.name)],
        **(
            {"lost_champion": _lost(con, pipeline)}
            if version is None
            else _of_champion(con, pipeline, version)
        ),
    )


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


def _decision(row: DecisionRow) -> Decision:
    values = {name: value for name, value in vars(row).items() if name != "run_id"}
    action = cast("Action", row.action)
    return Decision(**{**values, "action": action})


def _lost(con: DuckDBPyConnection, pipeline: Pipeline) -> int | None:
    last = last_live(promotions(con, pipeline.name))
    return None if last is None else last.to_version


def _of_champion(con: DuckDBPyConnection, pipeline: Pipeline, version: Version) -> dict[str, Any]:
    """Return what the history says of the champion: when it was trained, and on what.

    It is trained when its data is read: the clock that was set shows in it.
    """
    from ml_assets.registry.record import read_record

    settings, now = Settings.from_environment(), clock.now()
    record = read_record(settings.tracking_uri, version.run_id)
    known = label_times(con, pipeline, now)
    held = unscorable(pipeline, settings)
    if held is not None:
        held = replace(held, untrained=untrained(con, pipeline, settings, known, now))
    return {
        "champion_trained_at": record.labels_known_by,
        "unscorable": held,
        **prospects(con, pipeline, settings, record, known)(now),
    }
