"""The promotion: which version bears which alias. The room in which the gate will stand."""

from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.assets.evaluation import newest_version
from ml_assets.assets.shell import asset_key, lake_of, resources_of
from ml_assets.assets.slices import failure
from ml_assets.errors import MLAssetsError
from ml_assets.warehouse.commit import commit
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.snapshots import protect

if TYPE_CHECKING:
    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline

NAME = "promotion"


def promotion_asset(pipeline: "Pipeline") -> dg.AssetsDefinition:
    """Return the asset that gives the newest version its alias."""

    @dg.asset(
        key=asset_key(pipeline, NAME),
        deps=[asset_key(pipeline, "evaluation")],
        group_name=pipeline.name,
        kinds={"mlflow"},
        owners=list(pipeline.declaration.owners),
        description="The first version becomes champion; a later one waits as challenger.",
        required_resource_keys=resources_of(pipeline),
    )
    def promotion(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        settings = Settings.from_environment()
        try:
            version = newest_version(settings, pipeline)
            alias = _promote(context, pipeline, settings, version)
        except MLAssetsError as error:
            raise failure(error) from error
        context.log.info(f"{version.name} version {version.version} is {alias}")
        return dg.MaterializeResult(metadata={"version": version.version, "alias": alias})

    return promotion


def _promote(
    context: dg.AssetExecutionContext, pipeline: "Pipeline", settings: Settings, version: "Version"
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
