"""The model: tuned, trained, logged to MLflow and registered as the next version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.assets.attempts import BY_HAND, EPISODE
from ml_assets.assets.attempts import MODEL as NAME
from ml_assets.assets.settled import settled
from ml_assets.assets.slices import run_id
from ml_assets.assets.step import step_asset
from ml_assets.assets.train import train, training_code
from ml_assets.assets.training_set import NAME as TRAINING_SET
from ml_assets.assets.training_set import Reading, reading
from ml_assets.tables.spine import feature_names
from ml_assets.warehouse.settings import Settings
from ml_assets.words import counted

if TYPE_CHECKING:
    from ml_assets.assets.train import Trained
    from ml_assets.ml.tune import Tuned
    from ml_assets.registry.record import TrainingRecord
    from ml_assets.registry.tracking import RunHandle
    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.appended import PromotionRow


def model_asset(pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the asset that trains and registers one version."""
    return step_asset(
        pipeline,
        NAME,
        _train_and_register,
        after=[(TRAINING_SET,)],
        kinds={"lightgbm", "mlflow"},
        description=f"Answers: {pipeline.declaration.label.description}",
        code_version=training_code(pipeline),
    )


def _train_and_register(
    pipeline: Pipeline, context: dg.AssetExecutionContext
) -> dict[str, dg.MetadataValue]:
    told = _judged_already(pipeline, context)
    if told is not None:
        version = told.numbers.get("challenger", told.to_version)
        context.log.info(
            f"nothing to train: version {version} of {told.episode} was judged before its run"
            f" failed. {told.reason}"
        )
        return {"version": dg.MetadataValue.int(version)}
    version, handle, trained = _train(context, pipeline)
    context.log.info(
        f"{version.name} version {version.version}: {trained.fitted.model.description}, trained on "
        f"{trained.record.training_rows:,} rows of {_told(trained.record.windows['train'])}, "
        f"tested on {_told(trained.record.windows['test'])}, "
        f"hash {trained.record.model_hash[:12]}"
    )
    return _metadata(version, handle, trained)


def _judged_already(pipeline: Pipeline, context: dg.AssetExecutionContext) -> PromotionRow | None:
    """Return what the gate said of the model of an earlier attempt of the run's episode, if it did.

    That run failed later, so that it is tried again for what comes after. The same model trained
    again would get a second look at the same rows, or wait for rows beside the one that is live.
    """
    episode, settings = context.run.tags.get(EPISODE), Settings.from_environment()
    if episode in {None, BY_HAND}:
        return None
    # A run that was killed as its model went live left it to whoever comes next to settle that.
    with settled(context, pipeline, settings) as books:
        rows = books.rows()
    return next((row for row in reversed(rows) if row.episode == episode), None)


def _train(
    context: dg.AssetExecutionContext, pipeline: Pipeline
) -> tuple[Version, RunHandle, Trained]:
    from ml_assets.registry import tracking, versions
    from ml_assets.registry.package import log_baselines, log_model
    from ml_assets.registry.record import log_training

    settings = Settings.from_environment()
    source = reading(context, pipeline)
    with tracking.open_run(
        settings.tracking_uri,
        pipeline.name,
        artifact_root=settings.artifact_root,
        dagster_run_id=run_id(context),
        tags={"pipeline": pipeline.name},
    ) as handle:
        trained = _fit(context, pipeline, settings, source)
        fitted, record = trained.fitted, trained.record
        log_training(handle, record, {"tuning_loss": fitted.tuned.value})
        log_baselines(handle, fitted.baselines)
        uri = log_model(handle, fitted.model, threads=record.threads)
    # Registered only when the run is closed: a version is always of a finished run.
    version = versions.register(
        settings.tracking_uri,
        pipeline.name,
        handle.run_id,
        uri,
        {"dagster.run_id": run_id(context)},
    )
    return version, handle, trained


def _fit(
    context: dg.AssetExecutionContext, pipeline: Pipeline, settings: Settings, source: Reading
) -> Trained:
    trials = max(pipeline.declaration.model.tuning.trials, 1)
    context.log.info(
        f"reads {len(feature_names(pipeline))} features at snapshot {source.snapshot}, "
        f"then tunes in {counted(trials, 'trial')}"
    )

    def progress(number: int, budget: int, value: float) -> None:
        context.log.info(f"trial {number} of {budget}: loss {value:.5f}")

    return train(
        pipeline,
        settings,
        source.snapshot,
        source.as_of,
        progress,
        context.log.info,
        challenges=EPISODE in context.run.tags,
    )


def _metadata(version: Version, handle: RunHandle, trained: Trained) -> dict[str, dg.MetadataValue]:
    record, tuned = trained.record, trained.fitted.tuned
    return {
        "version": dg.MetadataValue.int(version.version),
        "mlflow_run_id": dg.MetadataValue.text(handle.run_id),
        "mlflow_page": dg.MetadataValue.url(handle.page),
        "model_hash": dg.MetadataValue.text(record.model_hash),
        "snapshot": dg.MetadataValue.int(record.snapshot_id),
        "training_rows": dg.MetadataValue.int(record.training_rows),
        "trees": dg.MetadataValue.int(record.rounds),
        "tuning_loss": dg.MetadataValue.float(tuned.value),
        "trials": dg.MetadataValue.md(_trials(tuned)),
        "candidate": dg.MetadataValue.text(record.candidate),
        "tuning loss by candidate": dg.MetadataValue.md(_contest(record)),
    }


def _told(keys: list[str]) -> str:
    return keys[0] if len(keys) == 1 else f"{keys[0]} to {keys[-1]}"


def _contest(record: TrainingRecord) -> str:
    ranked = sorted(record.losses.items(), key=lambda item: item[1])
    rows = "\n".join(f"| {name} | {loss:.5f} |" for name, loss in ranked)
    return f"| candidate | loss |\n|---|---:|\n{rows}"


def _trials(tuned: Tuned) -> str:
    rows = "\n".join(
        f"| {trial.number + 1} | {trial.value:.5f} | {trial.rounds} | {trial.seconds:.1f} |"
        for trial in tuned.trials
    )
    return f"| trial | loss | trees | seconds |\n|---:|---:|---:|---:|\n{rows}"
