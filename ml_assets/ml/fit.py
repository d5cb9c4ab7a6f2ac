"""One model from one split: tune inside training, train, fit the baselines beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.ml import baselines, boost, split
from ml_assets.ml import codec as codecs
from ml_assets.ml.tune import Progress, Tuned, tune

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from ml_assets.ml.baselines import Baseline
    from ml_assets.ml.boost import TrainedModel
    from ml_assets.ml.spec import ModelSpec
    from ml_assets.ml.split import Windows


@dataclass(frozen=True)
class Fitted:
    """A model with its baselines, all fitted on the same rows."""

    model: TrainedModel
    baselines: list[Baseline]
    tuned: Tuned
    rows: int
    """Rows the model was trained on."""
    purged: int
    """Rows of the training window left out: their label was not known when the test began."""


def fit(
    table: pa.Table,
    features: Sequence[str],
    spec: ModelSpec,
    windows: Windows,
    storage: str,
    study: str,
    progress: Progress,
) -> Fitted:
    """Tune, train and fit the baselines on `windows.train`; the test rows only bound it in time.

    `storage` and `study` name the Optuna study, which goes on where a killed one stopped.
    """
    inner = split.cut(table, windows.fit, windows.tune)
    tuned = tune(inner.before, inner.after, features, spec, storage, study, progress)
    outer = split.cut(table, windows.train, windows.test)
    codec = codecs.fit(outer.before, features)
    model = boost.train(outer.before, codec, tuned.parameters, tuned.rounds, spec)
    beside = baselines.fit(outer.before, features, spec)
    return Fitted(model, beside, tuned, outer.before.num_rows, outer.purged)
