"""Read a training set at its snapshot and fit it, with a record that can repeat it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from ml_assets.ml import split
from ml_assets.ml.training_table import PARTITION
from ml_assets.tables import training
from ml_assets.tables.challenger import challenger_windows
from ml_assets.tables.freshness import training_inputs
from ml_assets.tables.pipeline import code_hash
from ml_assets.tables.quality import broken_slices
from ml_assets.tables.recipes import recipes
from ml_assets.tables.spine import feature_names
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.slices import content_hash
from ml_assets.warehouse.turn import file_turn

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from ml_assets.ml.fit import Fitted
    from ml_assets.ml.model import Model
    from ml_assets.ml.split import Windows
    from ml_assets.ml.tune import Progress
    from ml_assets.registry.record import TrainingRecord
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.faults import OnWait
    from ml_assets.warehouse.settings import Settings

TRAINER = 2
"""Raised when the platform changes how a model is trained from the same rows."""
TRAINING_CODE = "training"


@dataclass(frozen=True)
class Trained:
    """A fit and the record that can repeat it."""

    fitted: Fitted
    record: TrainingRecord


def training_code(pipeline: Pipeline) -> str:
    """Return the hash of everything declared that decides how the model is trained."""
    declared = pipeline.declaration
    spec = asdict(replace(declared.model, threads=1))
    own = {recipe.name: recipe.code for recipe in recipes(pipeline)}
    meaning = [TRAINER, spec, declared.label.table, declared.label.value, own]
    return code_hash(meaning)


def question(pipeline: Pipeline) -> str:
    """Return what the pipeline's models answer; two that answer other questions do not compare."""
    declared = pipeline.declaration
    return f"{declared.model.problem}: {declared.label.value} of {declared.label.table}"


def code_versions(pipeline: Pipeline) -> dict[str, str]:
    """Return the code version of every table behind the model, and of the training itself."""
    tables = {node.dotted: node.code_version for node in training_inputs(pipeline)}
    return {**tables, TRAINING_CODE: training_code(pipeline)}


def read_at(
    pipeline: Pipeline, settings: Settings, snapshot: int, as_of: datetime, names: list[str]
) -> tuple[pa.Table, str]:
    """Return the training set as it was at `snapshot`, and the hash of its content.

    Slices that were judged broken by then are not in it.
    """
    with connect(pipeline.name, settings, snapshot=snapshot) as con:
        broken = broken_slices(con, pipeline)
        table = training.read(con, pipeline, as_of, names, broken=broken)
        con.register("training_rows", table)
        digest = content_hash(con, "FROM training_rows", table.column_names)
    return table, digest


def train(
    pipeline: Pipeline,
    settings: Settings,
    snapshot: int,
    as_of: datetime,
    progress: Progress,
    on_wait: OnWait,
    *,
    challenges: bool = False,
) -> Trained:
    """Tune, train and fit the baselines on the declared split, from the lake at `snapshot`.

    What `challenges` the champion in a retraining is split as the policy's window says.
    """
    from ml_assets.ml import fit

    names = feature_names(pipeline)
    table, digest = read_at(pipeline, settings, snapshot, as_of, names)
    spec = pipeline.declaration.model
    windows = windows_of(pipeline, table, as_of, challenges=challenges)
    study = study_of(pipeline, digest, windows)
    folder = settings.data / "tuning"
    folder.mkdir(parents=True, exist_ok=True)
    storage = f"sqlite:///{folder / pipeline.name}.sqlite"
    # A search that another process still works on would be taken for a killed one.
    with file_turn(folder / f"{pipeline.name}.lock", pipeline.name, "tuning", on_wait):
        own = recipes(pipeline)
        fitted = fit.fit(table, names, spec, windows, storage, study, progress, own)
    record = _record(pipeline, snapshot, as_of, digest, windows, names, fitted)
    return Trained(fitted, record)


def train_again(pipeline: Pipeline, record: TrainingRecord, rows: pa.Table) -> Model:
    """Train what `record` tells of on `rows`: the same candidate, parameters, rounds and seed."""
    from ml_assets.ml.candidates import Candidates

    spec = replace(pipeline.declaration.model, seed=record.seed, threads=record.threads)
    candidates = Candidates(record.features, spec, recipes(pipeline))
    return candidates.train(record.candidate, rows, record.parameters, record.rounds)


def study_of(pipeline: Pipeline, digest: str, windows: Windows) -> str:
    """Return the search's name, of data, code and windows: only the same one is ever resumed."""
    bounds = "-".join((windows.train[0], windows.tune[0], windows.test[0], windows.test[-1]))
    return f"{pipeline.name}-{digest}-{training_code(pipeline)}-{bounds}"


def windows_of(
    pipeline: Pipeline, table: pa.Table, as_of: datetime, *, challenges: bool
) -> Windows:
    """Return which partitions of a training set train, tune and test."""
    if challenges:
        return challenger_windows(pipeline, table, as_of)
    keys = table[PARTITION].unique().to_pylist()
    return split.settled(split.declared(keys, pipeline.declaration.model.split), table)


def _record(
    pipeline: Pipeline,
    snapshot: int,
    as_of: datetime,
    digest: str,
    windows: Windows,
    names: list[str],
    fitted: Fitted,
) -> TrainingRecord:
    from ml_assets.registry.record import TrainingRecord, environment

    spec = pipeline.declaration.model
    return TrainingRecord(
        pipeline=pipeline.name,
        snapshot_id=snapshot,
        windows={name: list(keys) for name, keys in asdict(windows).items()},
        cutoffs={"labels_known_by": as_of.isoformat()},
        features=names,
        parameters=fitted.parameters,
        rounds=fitted.model.rounds,
        seed=spec.seed,
        threads=spec.threads,
        training_rows=fitted.rows,
        purged=fitted.purged,
        training_set_hash=digest,
        model_hash=fitted.model.model_hash,
        code_versions=code_versions(pipeline),
        environment=environment(),
        question=question(pipeline),
        candidate=fitted.model.name,
        losses=fitted.losses,
    )
