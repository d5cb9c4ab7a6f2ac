"""monitoring/days: what was scored, summed per day, with the labels that are known by now."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from ml_assets import clock
from ml_assets.assets.predictions import SCORES
from ml_assets.assets.reference import REFERENCE, ensure_reference
from ml_assets.assets.shell import lake_of
from ml_assets.assets.slices import keys_of, reported, run_id
from ml_assets.assets.step import step_asset
from ml_assets.errors import TrackingError
from ml_assets.tables.days import days_table
from ml_assets.tables.known_labels import known_at
from ml_assets.tables.monitored import count_window, due_days, scoring_versions
from ml_assets.tables.plan import Stored
from ml_assets.tables.scores import scores_table
from ml_assets.tables.spine import spine
from ml_assets.tables.stretches import build_together
from ml_assets.warehouse import ledger
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import dagster as dg

    from ml_assets.monitors.reference import Reference
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
        code_version=table.code_version,
        table=table,
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
        rows = Stored(ledger.current(con, pipeline.name)).rows(scores_table(pipeline))
        versions = scoring_versions(con, pipeline)
        built = []
        # Each slice is counted in the bins of the version that scored it.
        for version in dict.fromkeys(versions.get(key) for key in due):
            # A reference that has to be made first takes minutes: a transaction would wait for it.
            scored = None if version is None else (version, of(version))
            count = partial(
                count_window,
                con,
                pipeline,
                scored,
                known,
                run_id=run_id(context),
                on_wait=context.log.info,
            )
            own = [key for key in due if versions.get(key) == version]
            built += reported(context, build_together(pipeline, own, rows, count))
    return {"rows_counted": sum(item.accounting.kept for item in built), "slices": len(built)}
