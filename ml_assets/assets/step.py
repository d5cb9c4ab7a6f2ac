"""Assets around a function of their own: what they have in common around what each of them does."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_assets.assets.shell import asset_key, partitions_def, resources_of
from ml_assets.assets.slices import failure
from ml_assets.errors import MLAssetsError

if TYPE_CHECKING:
    from ml_assets.tables.derived import Derived
    from ml_assets.tables.pipeline import Pipeline

Told = Mapping[str, Any] | dg.MaterializeResult[None]
Step = Callable[["Pipeline", dg.AssetExecutionContext], Told]
"""Does the work and returns the metadata, with check results where the asset declares checks; a
MLAssetsError fails the step with what to do."""


def step_asset(
    pipeline: "Pipeline",
    name: str | tuple[str, ...],
    step: Step,
    *,
    after: Iterable[tuple[str, ...]],
    kinds: set[str],
    description: str,
    code_version: str,
    table: "Derived | None" = None,
    checks: Sequence[dg.AssetCheckSpec] = (),
    config: Mapping[str, dg.Field] | None = None,
) -> dg.AssetsDefinition:
    """Return the asset `<pipeline>/<name>` that does `step` after the assets `after`.

    What stores a `table` is partitioned as that is, and shows its columns.
    """
    parts = (name,) if isinstance(name, str) else name
    partitioned = table is not None and table.partitioned

    @dg.asset(
        key=asset_key(pipeline, *parts),
        deps=[asset_key(pipeline, *other) for other in after],
        group_name=pipeline.name,
        kinds=kinds,
        owners=list(pipeline.declaration.owners),
        description=description,
        code_version=code_version,
        required_resource_keys=resources_of(pipeline),
        partitions_def=partitions_def(pipeline) if partitioned else None,
        backfill_policy=dg.BackfillPolicy.single_run() if partitioned else None,
        check_specs=checks,
        metadata=None if table is None else _stored(pipeline, table),
        config_schema=config,
    )
    def run(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        try:
            told = step(pipeline, context)
        except MLAssetsError as error:
            raise failure(error) from error
        if not isinstance(told, dg.MaterializeResult):
            told = dg.MaterializeResult(metadata=told)
        yield told

    return run


def _stored(pipeline: "Pipeline", table: "Derived") -> dict[str, Any]:
    columns = [
        dg.TableColumn(name, kind, description=table.words[name])
        for name, kind in table.types.items()
    ]
    return {
        "dagster/table_name": f"{pipeline.name}.{table.dotted}",
        "dagster/column_schema": dg.TableSchema(columns),
    }
