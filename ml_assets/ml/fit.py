"""One model from one split: tune inside training, choose the candidate, train it and its rivals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.ml import split
from ml_assets.ml.candidates import LIGHTGBM, Candidates, best
from ml_assets.ml.tune import Progress, Tuned, tune

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from ml_assets.ml.baselines import Baseline
    from ml_assets.ml.boost import TrainedModel
    from ml_assets.ml.custom import Recipe
    from ml_assets.ml.model import Model
    from ml_assets.ml.spec import ModelSpec, Parameter
    from ml_assets.ml.split import Windows


@dataclass(frozen=True)
class Fitted:
    """The chosen model with its rivals, all trained on the same rows."""

    model: Model
    baselines: list[Baseline | TrainedModel]
    """The other candidates, and the baselines that did not compete."""
    tuned: Tuned
    losses: Mapping[str, float]
    """Candidate to mean loss on the tuning window, LightGBM's of its best trial first."""
    rows: int
    """Rows the model was trained on."""
    purged: int
    """Rows of the training window left out: their label was not known when the test began."""

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Those of the search, or those that a baseline found by itself."""
        return self.tuned.parameters if self.model.name == LIGHTGBM else self.model.found


def fit(
    table: pa.Table,
    features: Sequence[str],
    spec: ModelSpec,
    windows: Windows,
    storage: str,
    study: str,
    progress: Progress,
    recipes: Sequence[Recipe] = (),
) -> Fitted:
    """Tune, choose and train on `windows.train`; the test rows only bound it in time.

    Chosen is who has the smallest loss on the tuning rows, of LightGBM and the declared baselines,
    `recipes` among them. `storage` and `study` name the Optuna study, which goes on where a killed
    one stopped.
    """
    candidates = Candidates(features, spec, recipes)
    inner = split.cut(table, windows.fit, windows.tune)
    tuned = tune(inner.before, inner.after, features, spec, storage, study, progress)
    found = {LIGHTGBM: tuned.value, **candidates.losses(inner.before, inner.after)}
    # Threads add up in another order, which shows in the last of sixteen digits.
    losses = {name: float(f"{loss:.12g}") for name, loss in found.items()}
    rows, purged = split.earlier(table, windows.train, windows.test)
    boosted = candidates.boosted(rows, tuned.parameters, tuned.rounds)
    beside, chosen = candidates.beside(rows), best(losses)
    rivals: list[Baseline | TrainedModel] = [one for one in beside if one.name != chosen]
    model: Model = boosted
    if chosen != LIGHTGBM:
        model = candidates.train(chosen, rows)
        rivals.append(boosted)
    return Fitted(model, rivals, tuned, losses, rows.num_rows, purged)
