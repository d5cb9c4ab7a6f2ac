"""Whether what a version was trained on is computed by the same code today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.assets.train import TRAINING_CODE, code_versions
from ml_assets.tables.freshness import training_inputs
from ml_assets.tables.pipeline import code_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ml_assets.registry.record import TrainingRecord
    from ml_assets.tables.pipeline import Pipeline


def code_of_today(pipeline: Pipeline) -> str:
    """Return the hash of all code that a version trained now would be of."""
    return code_hash(code_versions(pipeline))


def changed_since(pipeline: Pipeline, record: TrainingRecord) -> list[str]:
    """Return the tables, and `training`, whose code is not what a version was trained with."""
    now, then = code_versions(pipeline), record.code_versions
    return _changed(pipeline, record, {*now, *then})


def changed_features(pipeline: Pipeline, record: TrainingRecord) -> list[str]:
    """Return the tables behind a version's features whose code changed, or that are gone.

    On other code it cannot be scored; other labels and hyperparameters do it no harm.
    """
    features = {node.name for node in pipeline.features}
    features |= {up.name for node in pipeline.features for up in pipeline.ancestors(node)}
    others = {node.dotted for node in training_inputs(pipeline) if node.name not in features}
    return _changed(pipeline, record, set(record.code_versions) - others - {TRAINING_CODE})


def _changed(pipeline: Pipeline, record: TrainingRecord, names: Iterable[str]) -> list[str]:
    now, then = code_versions(pipeline), record.code_versions
    return sorted(name for name in names if then.get(name) != now.get(name))
