"""The promotion: which version bears which alias. The room in which the gate will stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.assets.evaluation import newest_version
from ml_assets.assets.shell import lake_of
from ml_assets.assets.step import step_asset
from ml_assets.warehouse.commit import commit
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.snapshots import protect

if TYPE_CHECKING:
    import dagster as dg

    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline

NAME = "promotion"


def promotion_asset(pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the asset that gives the newest version its alias."""
    return step_asset(
        pipeline,
        NAME,
        _promote_newest,
        after=[("evaluation",)],
        kinds={"mlflow"},
        description="The first version becomes champion; a later one waits as challenger.",
    )


def _promote_newest(pipeline: Pipeline, context: dg.AssetExecutionContext) -> dict[str, str | int]:
    settings = Settings.from_environment()
    version = newest_version(settings, pipeline)
    alias = _promote(context, pipeline, settings, version)
    context.log.info(f"{version.name} version {version.version} is {alias}")
    return {"version": version.version, "alias": alias}


def _promote(
    context: dg.AssetExecutionContext, pipeline: Pipeline, settings: Settings, version: Version
) -> str:
    from ml_assets.registry.record import read_record
    from ml_assets.registry.versions import CHAMPION, assign_alias

    if CHAMPION in version.aliases:
        return CHAMPION
    snapshot = read_record(settings.tracking_uri, version.run_id).snapshot_id
    # Protected before it is named: a champion whose data is gone could not be rebuilt.
    with lake_of(context, pipeline).get_connection() as con:
        owner = f"{version.name} version {version.version}"
        commit(
            con,
            pipeline.name,
            lambda: protect(con, pipeline.name, snapshot, owner),
            message=f"protect the data of {owner}",
            extra={"run_id": context.run.run_id},
            on_wait=context.log.info,
        )
    return assign_alias(settings.tracking_uri, version)
