"""A pipeline's jobs, and the schedule that refreshes its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import dagster as dg

from ml_assets.assets.slices import REFRESH_TAG

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Pipeline

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
CONSOLE = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}


class Automation(TypedDict):
    """What `dg.Definitions` takes besides assets."""

    jobs: list[dg.UnresolvedAssetJobDefinition]
    schedules: list[dg.ScheduleDefinition]


def pipeline_automation(pipeline: Pipeline) -> Automation:
    """Return the jobs and the schedule of `pipeline`."""
    refresh = refresh_job(pipeline)
    spec = pipeline.declaration.schedule
    schedules = (
        [] if spec is None else [_schedule(pipeline, refresh, spec.cron, enabled=spec.enabled)]
    )
    return {"jobs": [whole_job(pipeline), refresh, evaluate_job(pipeline)], "schedules": schedules}


def whole_job(pipeline: Pipeline) -> dg.UnresolvedAssetJobDefinition:
    """Return the job that builds everything, from raw tables to the promoted model."""
    everything = dg.AssetSelection.groups(pipeline.name)
    return dg.define_asset_job(
        f"{pipeline.name}_pipeline",
        everything - dg.AssetSelection.assets([pipeline.name, "walk_forward"]),
        config=CONSOLE,
        description=f"Everything of {pipeline.name}: tables, model, evaluation, promotion.",
    )


def refresh_job(pipeline: Pipeline) -> dg.UnresolvedAssetJobDefinition:
    """Return the job that brings the tables up to date; slices that are stay as they are."""
    tables = [dg.AssetKey([pipeline.name, *node.name]) for node in pipeline.ordered]
    return dg.define_asset_job(
        f"{pipeline.name}_refresh",
        dg.AssetSelection.assets(*tables),
        tags={REFRESH_TAG: "true"},
        config=CONSOLE,
        description=f"The tables of {pipeline.name}: builds the slices that are missing or stale.",
    )


def evaluate_job(pipeline: Pipeline) -> dg.UnresolvedAssetJobDefinition:
    """Return the job that walks forward through time."""
    return dg.define_asset_job(
        f"{pipeline.name}_evaluate",
        dg.AssetSelection.assets([pipeline.name, "walk_forward"]),
        config=CONSOLE,
        description=f"A model of {pipeline.name} per test partition, trained on the past only.",
    )


def range_tags(pipeline: Pipeline) -> dict[str, str]:
    """Return the tags that make one run cover every partition there is by now."""
    keys = pipeline.partitions.keys()
    return {RANGE_START: keys[0], RANGE_END: keys[-1]} if keys else {}


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
        tags = range_tags(pipeline)
        if not tags:
            return dg.SkipReason(f"No {pipeline.declaration.partitions.every} is over yet.")
        return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat(), tags=tags)

    return refresh
