"""The page of the loop, gathered from the lake and written with every decision."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ml_assets.assets.watch_panels import panels
from ml_assets.tables.findings import all_findings, newest_windows
from ml_assets.warehouse.appended import decisions, promotions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ml_assets.registry.versions import Version
    from ml_assets.reports.watch import Line, Mover, Watch
    from ml_assets.tables.findings import Found
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.appended import DecisionRow, PromotionRow
    from ml_assets.warehouse.settings import Settings

LAST = 20
"""Decisions and promotions that are listed; the tables have all."""
KINDS = {"ok": "good", "alarm": "bad", "broken": "bad", "retrain": "", "blocked": "bad"}


def page_of(pipeline: Pipeline, settings: Settings) -> Path:
    """Return where the page is, once something was decided."""
    return settings.data / "reports" / f"{pipeline.name}_loop.html"


def write_page(
    con: DuckDBPyConnection, pipeline: Pipeline, settings: Settings, version: Version | None
) -> Path:
    """Write the page and return where it is."""
    from ml_assets.reports.watch import render

    path = page_of(pipeline, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(watch(con, pipeline, version)), encoding="utf-8")
    return path


def watch(con: DuckDBPyConnection, pipeline: Pipeline, version: Version | None) -> Watch:
    """Return what the page shows: of verdicts the champion's, of everything else all versions'."""
    from ml_assets.reports.watch import Watch

    found = all_findings(con, pipeline)
    decided, moved = decisions(con, pipeline.name), promotions(con, pipeline.name)
    number = None if version is None else version.version
    own = newest_windows([one for one in found if one.model_version in {None, number}])
    drift = own.get("drift")
    return Watch(
        pipeline=pipeline.name,
        question=pipeline.declaration.label.description,
        champion="No version is live yet" if number is None else f"Version {number} is live",
        decision=_decided(decided[-1]) if decided else None,
        verdicts=[_verdict(one) for _, one in sorted(own.items())],
        panels=panels(found),
        movers=[] if drift is None else _movers(drift),
        moved_in="" if drift is None else drift.period,
        decisions=[_decided(row) for row in decided[: -LAST - 1 : -1]],
        promotions=[_moved(row) for row in moved[: -LAST - 1 : -1]],
        facts=_facts(pipeline, moved, number),
    )


def _facts(pipeline: Pipeline, moved: Sequence[PromotionRow], number: int | None) -> dict[str, str]:
    live = [row.promoted_at for row in moved if row.promoted and row.to_version == number]
    policy = pipeline.declaration.retraining
    since = live[-1] - timedelta(days=policy.budget.days) if live else None
    judged = [row for row in moved if since is None or row.promoted_at > since]
    return {
        **({"Live since": f"{live[-1]:%Y-%m-%d %H:%M} UTC"} if live else {}),
        "Versions judged": f"{len(judged)}, of which {sum(row.promoted for row in judged)} live",
        "False alarms allowed": f"{pipeline.declaration.monitoring.false_alarms_per_year:g}"
        " a year, per model and kind of alarm",
        "Retrainings allowed": f"{policy.budget.retrains} in {policy.budget.days} days",
    }


def _verdict(found: Found) -> Line:
    from ml_assets.reports.watch import Line

    name = found.cause.replace("_", " ")
    # Both lines of the table that speak of calibration say so themselves.
    told = f"{found.period}: {found.reason.removeprefix(f'{name}: ')}"
    return Line(at=name, what=found.verdict, why=told, kind=KINDS.get(found.verdict, ""))


def _decided(row: DecisionRow) -> Line:
    from ml_assets.reports.watch import Line

    kind = KINDS.get(row.action, "")
    return Line(at=row.decided_at, what=row.action, why=row.reason, kind=kind)


def _moved(row: PromotionRow) -> Line:
    from ml_assets.reports.watch import Line

    what = f"version {row.to_version} {'went live' if row.promoted else 'stayed back'}"
    why = f"{row.reason} ({row.decided_by})"
    return Line(at=row.promoted_at, what=what, why=why, kind="good" if row.promoted else "")


def _movers(found: Found) -> list[Mover]:
    from ml_assets.reports.watch import Mover

    return [Mover(**mover) for mover in found.details.get("movers", ())]
