"""Read a training set at its snapshot and fit it, with a record that can repeat it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from ml_assets.ml import split
from ml_assets.ml.training_table import PARTITION
from ml_assets.tables import training
from ml_assets.tables.freshness import training_inputs
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.slices import content_hash
from ml_assets.warehouse.turn import file_turn

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from ml_assets.ml.fit import Fitted
    from ml_assets.ml.split import Windows
    from ml_assets.ml.tune import Progress
    from ml_assets.registry.record import TrainingRecord
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.faults import OnWait
    from ml_assets.warehouse.settings import Settings

TRAINER = 1
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
    meaning = [TRAINER, spec, declared.label.table, declared.label.value]
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:12]


def code_versions(pipeline: Pipeline) -> dict[str, str]:
    """Return the code version of every table behind the model, and of the training itself."""
    tables = {node.dotted: node.code_version for node in training_inputs(pipeline)}
    return {**tables, TRAINING_CODE: training_code(pipeline)}


def read_at(
    pipeline: Pipeline, settings: Settings, snapshot: int, as_of: datetime, names: list[str]
) -> tuple[pa.Table, str]:
    """Return the training set as it was at `snapshot`, and the hash of its content."""
    with connect(pipeline.name, settings, snapshot=snapshot) as con:
        table = training.read(con, pipeline, as_of, names)
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
) -> Trained:
    """Tune, train and fit the baselines on the declared split, from the lake at `snapshot`."""
    from ml_assets.ml import fit

    names = training.feature_names(pipeline)
    table, digest = read_at(pipeline, settings, snapshot, as_of, names)
    spec = pipeline.declaration.model
    windows = split.declared(table[PARTITION].unique().to_pylist(), spec.split)
    # The study bears the data's and the code's hash: only the same search is ever resumed.
    study = f"{pipeline.name}-{digest}-{training_code(pipeline)}"
    folder = settings.data / "tuning"
    folder.mkdir(parents=True, exist_ok=True)
    storage = f"sqlite:///{folder / pipeline.name}.sqlite"
    # A search that another process still works on would be taken for a killed one.
    with file_turn(folder / f"{pipeline.name}.lock", pipeline.name, "tuning", on_wait):
        fitted = fit.fit(table, names, spec, windows, storage, study, progress)
    record = _record(pipeline, snapshot, as_of, digest, windows, names, fitted)
    return Trained(fitted, record)


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
        parameters=fitted.tuned.parameters,
        rounds=fitted.tuned.rounds,
        seed=spec.seed,
        threads=spec.threads,
        training_rows=fitted.rows,
        purged=fitted.purged,
        training_set_hash=digest,
        model_hash=fitted.model.model_hash,
        code_versions=code_versions(pipeline),
        environment=environment(),
    )
