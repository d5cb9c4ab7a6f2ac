"""Launch a pipeline's job in this process, over what the plan says is due."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.assets.attempts import whole_job_name
from ml_assets.assets.reference import REFERENCE
from ml_assets.assets.slices import REFRESH_TAG
from ml_assets.assets.verdicts import unproven
from ml_assets.automation.due import REBUILT, due, leave_training, stored_slices
from ml_assets.automation.jobs import CONSOLE, LOOP
from ml_assets.automation.reach import range_tags, refresh_tags
from ml_assets.automation.retraining import RETRAINED
from ml_assets.registry.store import prepare_early
from ml_assets.warehouse import liveness
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets.automation.due import Due
    from ml_assets.tables.pipeline import Pipeline


def run_due(
    defs: dg.Definitions, pipeline: Pipeline, found: Due, instance: dg.DagsterInstance
) -> dg.ExecuteInProcessResult:
    """Run the pipeline's job over what is due, in this process, recorded in the instance.

    Where a version is there, tables come first in a run of their own: what they hold then says
    whether a model is due. An edit that was taken back trains nothing.
    """
    settings = Settings.from_environment()
    job = whole_job_name(pipeline)
    # A new MLflow store is made while the tables are built.
    early = prepare_early(settings.tracking_uri)
    try:
        tables = _tables(pipeline, found, instance)
        if found.model == REBUILT:
            built = run_job(defs, job, instance, tables, refresh_tags(pipeline, settings))
            if not built.success:
                return built
            again = due(pipeline, settings)
            (found, _), tables = leave_training(again, pipeline, instance), []
        after = (*RETRAINED, *LOOP) if found.model is not None else (REFERENCE, *LOOP)
        selected = [*tables, *(dg.AssetKey([pipeline.name, *parts]) for parts in after)]
        # A new champion looks at every slice.
        trains = found.model is not None
        span = range_tags(pipeline) if trains else refresh_tags(pipeline, settings)
        return run_job(defs, job, instance, selected, span)
    finally:
        if early is not None:
            early.wait()


def _tables(pipeline: Pipeline, found: Due, instance: dg.DagsterInstance) -> list[dg.AssetKey]:
    names = {step.node.name for step in found.steps}
    stored = stored_slices(pipeline, Settings.from_environment())
    # A run that was killed before its check leaves tables that are up to date and unproven.
    return [
        dg.AssetKey([pipeline.name, *node.name])
        for node in pipeline.ordered
        if node.name in names or unproven(instance, pipeline, node, stored)
    ]


def run_job(
    defs: dg.Definitions,
    job: str,
    instance: dg.DagsterInstance,
    selected: list[dg.AssetKey] | None = None,
    span: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run one of a pipeline's jobs in this process; slices that are up to date stay.

    `span` are the tags that say which partitions a job of partitioned assets looks at.
    """
    run_id = str(uuid.uuid4())
    # Locked before it exists: killed at any moment of its life, it is found.
    with liveness.hold(run_id, Settings.from_environment()):
        return defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            tags={**(span or {}), REFRESH_TAG: "true"},
            asset_selection=selected,
            run_config=CONSOLE,
            raise_on_error=False,
            run_id=run_id,
        )
