"""The refit: what passed the gate, trained again with its hyperparameters on all mature data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ml_assets.assets.gate_window import Contender, golden_identical, golden_rows
from ml_assets.assets.train import code_versions, read_at, train_again
from ml_assets.loop.criterion import Criterion
from ml_assets.loop.sanity import sanity
from ml_assets.ml.classes import aligned
from ml_assets.ml.training_table import partitions_of
from ml_assets.tables.challenger import closed_partitions

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from ml_assets.assets.training_set import Reading
    from ml_assets.loop.paired import Comparison
    from ml_assets.ml.model import Model
    from ml_assets.registry.record import TrainingRecord
    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings


@dataclass(frozen=True)
class Refit:
    """A refit that is logged and not registered yet."""

    model: Model
    record: TrainingRecord
    run_id: str
    uri: str


def refit(
    pipeline: Pipeline,
    settings: Settings,
    source: Reading,
    challenger: Contender,
    dagster_run_id: str,
) -> Refit:
    """Train the challenger's hyperparameters and rounds on every row with a mature label.

    Where the policy's window is rolling, on those of its newest partitions.
    """
    from ml_assets.registry import tracking
    from ml_assets.registry.package import log_model
    from ml_assets.registry.record import log_training
    from ml_assets.registry.versions import REFIT_OF

    with tracking.open_run(
        settings.tracking_uri,
        pipeline.name,
        artifact_root=settings.artifact_root,
        dagster_run_id=dagster_run_id,
        tags={"pipeline": pipeline.name, REFIT_OF: str(challenger.version.version)},
    ) as handle:
        model, record = _train(pipeline, settings, source, challenger.record)
        log_training(handle, record, {})
        uri = log_model(handle, model, threads=record.threads)
    return Refit(model, record, handle.run_id, uri)


def held(
    settings: Settings,
    made: Refit,
    rows: pa.Table,
    window: Comparison,
    on_fault: Callable[[str], None],
) -> list[Criterion]:
    """Return what the refit shows on the gate's rows: the sanity band, and its golden rows."""
    model = made.model
    answers = aligned(
        model.predict(rows, made.record.threads), model.classes, window.classes or model.classes
    )
    golden = golden_rows(rows, made.model)
    same = golden_identical(settings, made.uri, made.model, golden, on_fault)
    how = "identically" if same else "differently: it is not the trained one"
    sentence = f"A fresh process predicted the golden rows of the refit {how}."
    return [*sanity(window, answers), Criterion("refit's golden rows", same, {}, sentence)]


def register_refit(
    settings: Settings, made: Refit, challenger: Contender, dagster_run_id: str
) -> Version:
    """Register a refit that held as the next version."""
    from ml_assets.registry.versions import REFIT_OF, register

    tags = {"dagster.run_id": dagster_run_id, REFIT_OF: str(challenger.version.version)}
    name = challenger.version.name
    return register(settings.tracking_uri, name, made.run_id, made.uri, tags)


def _train(
    pipeline: Pipeline, settings: Settings, source: Reading, like: TrainingRecord
) -> tuple[Model, TrainingRecord]:
    from ml_assets.ml import split
    from ml_assets.registry.record import environment

    every, digest = read_at(pipeline, settings, source.snapshot, source.as_of, like.features)
    rolling = pipeline.declaration.retraining.window.train
    closed = closed_partitions(pipeline, every, source.as_of)
    rows = split.rows(every, split.newest(closed, rolling))
    model = train_again(pipeline, like, rows)
    record = replace(
        like,
        snapshot_id=source.snapshot,
        windows={"train": partitions_of(rows), "tune": [], "test": []},
        cutoffs={"labels_known_by": source.as_of.isoformat()},
        parameters={**like.parameters, **model.found},
        training_rows=rows.num_rows,
        purged=0,
        training_set_hash=digest,
        model_hash=model.model_hash,
        code_versions=code_versions(pipeline),
        environment=environment(),
    )
    return model, record
