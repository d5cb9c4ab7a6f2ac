"""A pipeline's jobs, and the schedule that refreshes its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import dagster as dg

from ml_assets.assets.attempts import whole_job_name
from ml_assets.assets.days import DAYS
from ml_assets.assets.decision import NAME as DECISION
from ml_assets.assets.predictions import SCORES
from ml_assets.assets.slices import REFRESH_TAG
from ml_assets.automation.alerts import alert_sensors
from ml_assets.automation.health import automation_check
from ml_assets.automation.reach import refresh_tags
from ml_assets.automation.retraining import decide_after_failure, retraining_job, retraining_sensor
from ml_assets.tables.findings import MONITORS
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from ml_assets.automation.health import Watched
    from ml_assets.tables.pipeline import Pipeline

LOOP = (SCORES, DAYS, *(("monitoring", name) for name in MONITORS), (DECISION,))
"""What runs with every refresh, after the tables."""
DAILY = "30 6 * * *"
CONSOLE = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}


class Automation(TypedDict):
    """What `dg.Definitions` takes besides assets."""

    jobs: list[dg.UnresolvedAssetJobDefinition]
    schedules: list[dg.ScheduleDefinition]
    sensors: list[dg.SensorDefinition]
    asset_checks: list[dg.AssetChecksDefinition]


def pipeline_automation(pipeline: Pipeline) -> Automation:
    """Return the jobs, schedules and sensors of `pipeline`, and the check that watches them."""
    whole, refresh = whole_job(pipeline), refresh_job(pipeline)
    retraining, decision = retraining_job(pipeline), decision_job(pipeline)
    spec = pipeline.declaration.schedule
    schedules = [
        _daily(pipeline),
        *([] if spec is None else [_schedule(pipeline, refresh, spec.cron, enabled=spec.enabled)]),
    ]
    sensors = [
        retraining_sensor(pipeline, retraining),
        decide_after_failure(pipeline, [whole, refresh], decision),
    ]
    return {
        "jobs": [
            whole,
            refresh,
            evaluate_job(pipeline),
            decision,
            retraining,
        ],
        "schedules": schedules,
        "sensors": sensors,
        "asset_checks": [automation_check(pipeline, [*schedules, *sensors, *alert_sensors()])],
    }


def watched(automation: Automation) -> list[Watched]:
    """Return the schedules and sensors that a pipeline's loop lives by."""
    return [*automation["schedules"], *automation["sensors"], *alert_sensors()]


def whole_job(pipeline: Pipeline) -> dg.UnresolvedAssetJobDefinition:
    """Return the job that builds everything, from raw tables to the decision."""
    everything = dg.AssetSelection.groups(pipeline.name)
    return dg.define_asset_job(
        whole_job_name(pipeline),
        everything - dg.AssetSelection.assets([pipeline.name, "walk_forward"]),
        config=CONSOLE,
        description=f"Everything of {pipeline.name}: tables, model, predictions, monitors.",
    )


def refresh_job(pipeline: Pipeline) -> dg.UnresolvedAssetJobDefinition:
    """Return the job that brings tables, scores and monitors up to date, and decides.

    Slices that are up to date stay as they are; without a champion nothing is scored.
    """
    tables = [dg.AssetKey([pipeline.name, *node.name]) for node in pipeline.ordered]
    loop = [dg.AssetKey([pipeline.name, *parts]) for parts in LOOP]
    return dg.define_asset_job(
        f"{pipeline.name}_refresh",
        dg.AssetSelection.assets(*tables, *loop),
        tags={REFRESH_TAG: "true"},
        config=CONSOLE,
        description=f"What is missing or stale of {pipeline.name}, then scores and monitors.",
    )


def decision_job(pipeline: Pipeline) -> dg.UnresolvedAssetJobDefinition:
    """Return the job that evaluates the policy once more: time alone can make a retraining due."""
    return dg.define_asset_job(
        f"{pipeline.name}_decide",
        dg.AssetSelection.assets([pipeline.name, DECISION]),
        config=CONSOLE,
        description=f"Whether {pipeline.name} is to be retrained, and why.",
    )


def evaluate_job(pipeline: Pipeline) -> dg.UnresolvedAssetJobDefinition:
    """Return the job that walks forward through time."""
    return dg.define_asset_job(
        f"{pipeline.name}_evaluate",
        dg.AssetSelection.assets([pipeline.name, "walk_forward"]),
        config=CONSOLE,
        description=f"A model of {pipeline.name} per test partition, trained on the past only.",
    )


def _daily(pipeline: Pipeline) -> dg.ScheduleDefinition:
    closed = pipeline.declaration.partitions.end is not None
    status = dg.DefaultScheduleStatus.STOPPED if closed else dg.DefaultScheduleStatus.RUNNING
    return dg.ScheduleDefinition(
        name=f"{pipeline.name}_decide",
        job_name=f"{pipeline.name}_decide",
        cron_schedule=DAILY,
        execution_timezone=pipeline.declaration.time_zone,
        default_status=status,
        description="Decides at least daily. "
        + ("Off: a closed history has no more news." if closed else "Expected to be on."),
    )


def _schedule(
    pipeline: Pipeline, job: dg.UnresolvedAssetJobDefinition, cron: str, *, enabled: bool
) -> dg.ScheduleDefinition:
    status = dg.DefaultScheduleStatus.RUNNING if enabled else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        name=f"{pipeline.name}_refresh",
        job=job,
        cron_schedule=cron,
        execution_timezone=pipeline.declaration.time_zone,
        default_status=status,
        description=f"Expected to be {'on' if enabled else 'off'}, as defs.yaml declares.",
    )
    def refresh(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        tags = refresh_tags(pipeline, Settings.from_environment())
        if not tags:
            return dg.SkipReason(f"No {pipeline.declaration.partitions.every} is over yet.")
        return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat(), tags=tags)

    return refresh
