"""Run a sandbox's assets in this process, through the job that its users run."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.assets import pipeline_assets
from ml_assets.assets.shell import RUN_GUARD, lake_key
from ml_assets.assets.slices import REFRESH_TAG
from ml_assets.automation import pipeline_automation
from ml_assets.automation.console import console_logger
from ml_assets.automation.guard import RunGuard
from ml_assets.automation.reach import RANGE_END, RANGE_START
from ml_assets.warehouse.resource import LakeResource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ml_assets_tests.sandbox import Sandbox


def definitions(box: Sandbox) -> dg.Definitions:
    """Return the pipeline's definitions as a code location has them."""
    pipeline = box.pipeline
    with dagsters_own_warnings():
        return dg.Definitions(
            assets=pipeline_assets(pipeline),
            resources={
                lake_key(pipeline): LakeResource(pipeline=pipeline.name),
                RUN_GUARD: RunGuard(),
            },
            executor=dg.in_process_executor,
            loggers={"console": console_logger},
            **pipeline_automation(pipeline),
        )


@contextmanager
def dagsters_own_warnings() -> Iterator[None]:
    """Let Dagster warn of its beta parameters and of the pydantic it was written for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def run(
    box: Sandbox,
    *assets: str,
    keys: Sequence[str] | None = None,
    instance: dg.DagsterInstance | None = None,
    refresh: bool = False,
) -> dg.ExecuteInProcessResult:
    """Run assets, such as raw/orders, for a range of partitions, all of them by default.

    In an instance of its own a training set finds its feature tables proven.
    """
    if instance is None:
        with dg.DagsterInstance.ephemeral() as ephemeral:
            if "training_set" in assets and not any("features/" in name for name in assets):
                prove(box, ephemeral)
            return run(box, *assets, keys=keys, instance=ephemeral, refresh=refresh)
    keys = box.pipeline.partitions.keys() if keys is None else keys
    tags = {RANGE_START: keys[0], RANGE_END: keys[-1]}
    selected = [dg.AssetKey([box.name, *asset.split("/")]) for asset in assets]
    job = definitions(box).resolve_job_def(f"{box.name}_pipeline")
    with dagsters_own_warnings():
        return job.execute_in_process(
            instance=instance,
            tags={**tags, REFRESH_TAG: "true"} if refresh else tags,
            asset_selection=selected or None,
            raise_on_error=False,
        )


def prove(box: Sandbox, instance: dg.DagsterInstance) -> None:
    """Let every feature table that was built without Dagster pass its time-travel check."""
    features = [f"features/{node.table}" for node in box.pipeline.features]
    assert run(box, *features, instance=instance, refresh=True).success


def failed(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Return the steps that failed, such as raw/orders, with what they say."""
    found = {}
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            data = event.step_failure_data
            said = data.user_failure_data
            name = (event.step_key or "").split("__", 1)[1].replace("__", "/")
            found[name] = (said.description if said else None) or str(data.error)
    return found


def ran(result: dg.ExecuteInProcessResult) -> set[str]:
    """Return the steps that started, such as raw/orders."""
    return {
        (event.step_key or "").split("__", 1)[1].replace("__", "/")
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.STEP_START
    }


def checks(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, dg.AssetCheckEvaluation]:
    """Return what the checks of one asset answered, by name."""
    return {
        found.check_name: found
        for found in result.get_asset_check_evaluations()
        if found.asset_key.path[1:] == asset.split("/")
    }


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, object]:
    """Return the metadata of the newest materialization of one asset."""
    events = [
        event
        for event in result.get_asset_materialization_events()
        if (event.asset_key or dg.AssetKey("")).path[1:] == asset.split("/")
    ]
    return {name: item.value for name, item in events[-1].materialization.metadata.items()}
