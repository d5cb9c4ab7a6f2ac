"""The state of a pipeline's loop in lines: champion, monitors, decision, automation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.assets.watch_page import page_of
from ml_assets.automation import health
from ml_assets.automation.jobs import pipeline_automation, watched
from ml_assets.errors import MLAssetsError, StorageError
from ml_assets.tables.findings import all_findings, newest_windows
from ml_assets.tables.sources import fingerprints
from ml_assets.warehouse.appended import decisions, last_live, promotions
from ml_assets.warehouse.lake import connect
from ml_assets.words import minute

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import dagster as dg

    from ml_assets.tables.findings import Found
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.appended import DecisionRow, PromotionRow
    from ml_assets.warehouse.settings import Settings


def source_lines(pipeline: Pipeline) -> list[str]:
    """Return which source cannot be read; nothing where all can."""
    try:
        fingerprints(pipeline)
    except MLAssetsError as error:
        return [f"Broken    {error}"]
    return []


def loop_lines(pipeline: Pipeline, settings: Settings) -> list[str]:
    """Return the champion, every monitor's newest verdict, the newest decision and its outcome."""
    from ml_assets.registry.versions import champion

    version = champion(settings.tracking_uri, pipeline.name)
    live = None if version is None else version.version
    try:
        with connect(pipeline.name, settings, read_only=True) as con:
            found = all_findings(con, pipeline)
            decided = decisions(con, pipeline.name)
            moved = promotions(con, pipeline.name)
    except StorageError as error:
        return [_champion(live, None), f"Monitors  {error.fact}"]
    last = last_live(moved)
    number = live or (None if last is None else last.to_version)
    own = [item for item in found if item.model_version in {None, number}]
    page = page_of(pipeline, settings)
    return [
        _champion(live, number),
        *_monitors(list(newest_windows(own).values())),
        *(_decision(decided[-1], moved) if decided else ["Decision  none yet"]),
        *([f"Page      {page}"] if page.exists() else []),
    ]


def automation_lines(
    instance: dg.DagsterInstance, pipeline: Pipeline, settings: Settings
) -> list[str]:
    """Return what is wrong with runs, daemon, schedules and sensors, or that all is well."""
    automation = pipeline_automation(pipeline)
    jobs = {job.name for job in automation["jobs"]}
    faults = [
        *health.run_faults(instance, pipeline, jobs, settings),
        *health.automation_faults(instance, watched(automation)),
    ]
    return [f"Automation {fault}" for fault in faults] or ["Automation is as declared and in time."]


def told(row: DecisionRow) -> str:
    """Return a decision in one line."""
    return f"{minute(row.decided_at)} {row.action}: {row.reason}"


def told_move(row: PromotionRow) -> str:
    """Return in one line what was said of a version."""
    became = "went live" if row.promoted else "stays challenger"
    by = f"version {row.to_version} {became} ({row.decided_by})"
    return f"{minute(row.promoted_at)} {by}: {row.reason}"


def _decision(newest: DecisionRow, moved: Sequence[PromotionRow]) -> Iterator[str]:
    """Yield the newest decision, and what became of its episode: no other decision may follow."""
    yield f"Decision  {told(newest)}"
    outcomes = [row for row in moved if row.episode is not None and row.episode == newest.episode]
    for row in outcomes[-1:]:
        yield f"Outcome   {told_move(row)}"


def _champion(live: int | None, last: int | None) -> str:
    if live is not None:
        return f"Champion  version {live}"
    return f"Champion  none: version {last} lost the alias" if last else "Champion  none yet"


def _monitors(newest: Sequence[Found]) -> Iterator[str]:
    if not newest:
        yield "Monitors  nothing was scored yet"
    for number, item in enumerate(sorted(newest, key=lambda one: one.cause)):
        head = "Monitors" if number == 0 else ""
        yield f"{head:<9} {item.period} {item.verdict:<15} {_named(item)}"


def _named(item: Found) -> str:
    """Return what a monitor says after what it says it of: two may watch the same number."""
    return f"{item.cause}: {item.reason.removeprefix(f'{item.cause}: ')}"
