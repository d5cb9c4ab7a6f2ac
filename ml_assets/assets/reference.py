"""The champion's reference: what its training window was like, for the monitors to compare with."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ml_assets.assets.step import step_asset
from ml_assets.assets.train import read_at, train_again, training_code
from ml_assets.errors import TrackingError
from ml_assets.ml.split import cut
from ml_assets.ml.training_table import partitions_of
from ml_assets.tables.quality import absences
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

    from ml_assets.monitors.reference import Reference
    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline

REFERENCE = ("monitoring", "reference")


def reference_asset(pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the asset that makes the champion's reference once."""
    return step_asset(
        pipeline,
        REFERENCE,
        _ensure,
        after=[("promotion",)],
        kinds={"lightgbm", "mlflow"},
        code_version=training_code(pipeline),
        description="Out-of-fold predictions of the champion's training window, summed per day.",
    )


def _ensure(pipeline: Pipeline, context: dg.AssetExecutionContext) -> dict[str, int | float | str]:
    settings = Settings.from_environment()
    version = live_version(pipeline, settings)
    days = ensure_reference(pipeline, settings, version).days
    context.log.info(f"version {version.version} is compared with {len(days)} days")
    return {
        "model_version": version.version,
        "days": len(days),
        "rows": int(days.rows.sum()),
        "observed_expected": float(days.labelled_label.sum() / days.labelled_score.sum()),
        "loss": float(days.labelled_loss.sum() / days.labelled.sum()),
        "first_day": str(days.dates[0]),
        "last_day": str(days.dates[-1]),
    }


def ensure_reference(pipeline: Pipeline, settings: Settings, version: Version) -> Reference:
    """Return a version's reference, which is made where it has none yet.

    A version that a person promotes, or that lost the alias before its reference was made, has to
    be monitored as well.
    """
    from ml_assets.registry.references import log_reference, read_reference

    found = read_reference(settings.tracking_uri, version)
    if found is None:
        found = _make(pipeline, settings, version)
        log_reference(settings.tracking_uri, version, found)
    return found


def has_champion(pipeline: Pipeline, settings: Settings) -> bool:
    """Say whether a version of the pipeline is champion."""
    from ml_assets.registry.versions import champion

    return champion(settings.tracking_uri, pipeline.name) is not None


def live_version(pipeline: Pipeline, settings: Settings) -> Version:
    """Return the champion; raises TrackingError where there is none."""
    from ml_assets.registry.versions import champion

    version = champion(settings.tracking_uri, pipeline.name)
    if version is None:
        raise TrackingError(
            f"{pipeline.name} has no champion.",
            f"Materialize {pipeline.name}/promotion (`ml-assets run {pipeline.name}`).",
        )
    return version


def _make(pipeline: Pipeline, settings: Settings, version: Version) -> Reference:
    from ml_assets.monitors.reference import make_reference
    from ml_assets.registry.package import load_native
    from ml_assets.registry.record import read_record

    record = read_record(settings.tracking_uri, version.run_id)
    names = record.features
    table, _ = read_at(pipeline, settings, record.snapshot_id, record.labels_known_by, names)
    rows = cut(table, record.windows["train"], record.windows["test"]).before
    shares = load_native(settings.tracking_uri, version.uri).shares(rows)
    importance = {**dict.fromkeys(names, 0.0), **shares}
    problem = pipeline.declaration.model.problem
    again = partial(train_again, pipeline, record)
    found = make_reference(rows, names, problem, again, importance)
    keys = partitions_of(rows)
    with connect(pipeline.name, settings, snapshot=record.snapshot_id) as con:
        return replace(found, absences=absences(con, pipeline, names, keys))
