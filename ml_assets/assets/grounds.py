"""What a decision is made on: what the monitors say, and all that happened before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from ml_assets import clock
from ml_assets.assets.attempts import attempts_of
from ml_assets.assets.prospects import prospects
from ml_assets.assets.successor import unscorable, untrained
from ml_assets.loop.decision import Decision
from ml_assets.loop.episode import Outcome
from ml_assets.loop.history import History
from ml_assets.tables.challenger import label_times
from ml_assets.tables.evidence import evidence
from ml_assets.tables.findings import all_findings
from ml_assets.tables.overdue import FRESHNESS, expected, freshness_found
from ml_assets.tables.plan import Stored
from ml_assets.warehouse import ledger
from ml_assets.warehouse.appended import (
    DecisionRow,
    decisions,
    last_live,
    promotions,
    resets,
)
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg
    from duckdb import DuckDBPyConnection

    from ml_assets.loop.decision import Action
    from ml_assets.loop.triggers import Finding
    from ml_assets.registry.versions import Version
    from ml_assets.tables.findings import Found
    from ml_assets.tables.pipeline import Pipeline


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
