"""monitoring/days: what was scored, summed per day, with the labels that are known by now."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ml_assets import clock
from ml_assets.assets.predictions import SCORES
from ml_assets.assets.reference import REFERENCE, ensure_reference
from ml_assets.assets.shell import lake_of
from ml_assets.assets.slices import keys_of, reported, run_id
from ml_assets.assets.step import step_asset
from ml_assets.errors import TrackingError
from ml_assets.tables.known_labels import known_at
from ml_assets.tables.monitored import count_window, days_table, due_days, scoring_version
from ml_assets.tables.stretches import build_together
from ml_assets.tables.training import spine
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import dagster as dg

    from ml_assets.monitors.reference import Reference
    from ml_assets.tables.built import Built
    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Pipeline

DAYS = ("monitoring", "days")


def days_asset(pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the asset that counts what was scored."""
    table = days_table(pipeline)
    return step_asset(
        pipeline,
        DAYS,
        _count_due,
        after=[SCORES, REFERENCE, pipeline.node(pipeline.declaration.label.table).name],
        kinds={"duckdb"},
        description="Sufficient statistics per day: kilobytes from which the monitors work.",
        partitioned=table.partitioned,
        metadata={"dagster/table_name": f"{pipeline.name}.{table.dotted}"},
    )


def references(pipeline: Pipeline, settings: Settings) -> Callable[[int], Reference]:
    """Return what gives a version's reference; one that is not registered is a TrackingError."""
    from ml_assets.registry.versions import versions

    @cache
    def of(number: int) -> Reference:
        registered = versions(settings.tracking_uri, pipeline.name)
        version = next((one for one in registered if one.version == number), None)
        if version is not None:
            return ensure_reference(pipeline, settings, version)
        raise TrackingError(
            f"{pipeline.name} has scores of version {number}, which is not registered any more.",
            f"Materialize {pipeline.name}/predictions/scores for their partitions: the champion"
            " scores them anew.",
        )

    return of


def _count_due(pipeline: Pipeline, context: dg.AssetExecutionContext) -> dict[str, int]:
    of = references(pipeline, Settings.from_environment())
    with lake_of(context, pipeline).get_connection() as con:
        keys = keys_of(context, spine(pipeline)[0])
        known = known_at(con, pipeline, clock.now())
        due = due_days(con, pipeline, known, keys)
        # One that has to be made first takes minutes, and a transaction would wait for it.
        for version in {scoring_version(con, pipeline, key) for key in due}:
            if version is not None:
                of(version)

        def count(window: Window | None) -> list[Built]:
            return count_window(
                con, pipeline, of, known, window, run_id=run_id(context), on_wait=context.log.info
            )

        # One by one: each is counted in the bins of the version that scored it.
        built = reported(context, build_together(pipeline, due, None, count))
    return {"rows_counted": sum(item.accounting.kept for item in built), "slices": len(built)}
