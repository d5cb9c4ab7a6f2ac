"""Assets that store no table: what they have in common around what each of them does."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_assets.assets.shell import asset_key, resources_of
from ml_assets.assets.slices import failure
from ml_assets.errors import MLAssetsError

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Pipeline

Step = Callable[["Pipeline", dg.AssetExecutionContext], Mapping[str, Any]]
"""Does the work and returns the metadata; a MLAssetsError fails the step with what to do."""


def step_asset(
    pipeline: "Pipeline",
    name: str,
    step: Step,
    *,
    after: Iterable[tuple[str, ...]],
    kinds: set[str],
    description: str,
    code_version: str | None = None,
) -> dg.AssetsDefinition:
    """Return the asset `<pipeline>/<name>` that does `step` after the assets `after`."""

    @dg.asset(
        key=asset_key(pipeline, name),
        deps=[asset_key(pipeline, *parts) for parts in after],
        group_name=pipeline.name,
        kinds=kinds,
        owners=list(pipeline.declaration.owners),
        description=description,
        code_version=code_version,
        required_resource_keys=resources_of(pipeline),
    )
    def run(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        try:
            return dg.MaterializeResult(metadata=step(pipeline, context))
        except MLAssetsError as error:
            raise failure(error) from error

    return run
