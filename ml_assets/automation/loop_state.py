"""The state of a pipeline's loop in lines: champion, monitors, decision, automation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.assets.watch_page import page_of
from ml_assets.automation import health
from ml_assets.automation.jobs import watched
from ml_assets.errors import StorageError
from ml_assets.tables.findings import all_findings, newest_windows
from ml_assets.warehouse.appended import decisions
from ml_assets.warehouse.lake import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import dagster as dg

    from ml_assets.tables.findings import Found
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.appended import DecisionRow
    from ml_assets.warehouse.settings import Settings


def loop_lines(pipeline: Pipeline, settings: Settings) -> list[str]:
    """Return the champion, the newest verdict of every monitor and the newest decision."""
    from ml_assets.registry.versions import champion

    version = champion(settings.tracking_uri, pipeline.name)
    if version is None:
        return ["Champion  none yet"]
    try:
        with connect(pipeline.name, settings, read_only=True) as con:
            found = all_findings(con, pipeline)
            decided = decisions(con, pipeline.name)
    except StorageError as error:
        return [f"Champion  version {version.version}", f"Monitors  {error.fact}"]
    own = [item for item in found if item.model_version in {None, version.version}]
    page = page_of(pipeline, settings)
    return [
        f"Champion  version {version.version}",
        *_monitors(list(newest_windows(own).values())),
        *([f"Decision  {told(decided[-1])}"] if decided else ["Decision  none yet"]),
        *([f"Page      {page}"] if page.exists() else []),
    ]


def automation_lines(instance: dg.DagsterInstance, pipeline: Pipeline) -> list[str]:
    """Return what is wrong with the daemon, the schedules and the sensors, or that all is well."""
    faults = health.automation_faults(instance, watched(pipeline))
    return [f"Automation {fault}" for fault in faults] or ["Automation is as declared and in time."]


def told(row: DecisionRow) -> str:
    """Return a decision in one line."""
    return f"{row.decided_at:%Y-%m-%d %H:%M} {row.action}: {row.reason}"


def _monitors(newest: Sequence[Found]) -> Iterator[str]:
    if not newest:
        yield "Monitors  nothing was scored yet"
    for number, item in enumerate(sorted(newest, key=lambda one: one.cause)):
        head = "Monitors" if number == 0 else ""
        yield f"{head:<9} {item.period} {item.verdict:<15} {item.reason}"
