"""Who may be the model: LightGBM and the declared baselines, and who of them it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.ml import baselines, boost, metrics
from ml_assets.ml import codec as codecs
from ml_assets.ml.baselines import Rate
from ml_assets.ml.classes import classes_of, codes
from ml_assets.ml.linear import Linear
from ml_assets.ml.model import Model, Simple, answers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from ml_assets.ml.baselines import Baseline
    from ml_assets.ml.boost import TrainedModel
    from ml_assets.ml.custom import Recipe
    from ml_assets.ml.spec import ModelSpec, Parameter

LIGHTGBM = boost.TrainedModel.name
BUILT_IN = (Linear.name, Rate.name)
"""Baselines of the platform that may be declared. A constant ranks nobody and never competes."""


@dataclass(frozen=True)
class Candidates:
    """All that decides how a pipeline's candidates are trained, but for rows and parameters."""

    features: Sequence[str]
    spec: ModelSpec
    recipes: Sequence[Recipe] = ()

    def train(
        self,
        name: str,
        table: pa.Table,
        parameters: Mapping[str, Parameter] | None = None,
        rounds: int = 0,
    ) -> Model:
        """Train the candidate `name` on the rows of `table`; a baseline needs no parameters."""
        if name == LIGHTGBM:
            return self.boosted(table, parameters or {}, rounds)
        return Simple(self._fitted(table, name), codecs.fit(table, self._inputs(name)))

    def boosted(
        self, table: pa.Table, parameters: Mapping[str, Parameter], rounds: int
    ) -> TrainedModel:
        """Train LightGBM on the rows of `table`."""
        codec = codecs.fit(table, self.features)
        return boost.train(table, codec, parameters, rounds, self.spec)

    def beside(self, table: pa.Table) -> list[Baseline]:
        """Fit every baseline, whether it competes or not."""
        return baselines.fit(table, self.features, self.spec, self.recipes)

    def losses(self, fit: pa.Table, tune: pa.Table) -> dict[str, float]:
        """Return the mean loss on the rows `tune` of each baseline that competes, by name.

        They are trained on the rows `fit`, as the models of the search are.
        """
        classes, problem = classes_of(fit, tune), self.spec.problem
        label = codes(tune, classes)
        found = {}
        for name in self._competing:
            score = answers(self._fitted(fit, name), tune, classes)
            metrics.require_scores(problem, label, score)
            found[name] = float(metrics.losses(problem, label, score).mean())
        return found

    @property
    def _competing(self) -> list[str]:
        built_in = [name for name in self.spec.baselines if name in BUILT_IN]
        return [*built_in, *(recipe.name for recipe in self.recipes)]

    def _fitted(self, table: pa.Table, name: str) -> Baseline:
        if name in BUILT_IN:
            return baselines.fit_one(name, table, self.features, self.spec)
        return self._recipe(name).fit(table)

    def _inputs(self, name: str) -> Sequence[str]:
        if name == Linear.name:
            return self.features
        return self.spec.rate_baseline if name == Rate.name else self._recipe(name).takes("predict")

    def _recipe(self, name: str) -> Recipe:
        for recipe in self.recipes:
            if recipe.name == name:
                return recipe
        raise ValueError(f"no candidate is called {name!r}")


def best(losses: Mapping[str, float]) -> str:
    """Return who has the smallest loss; of equal ones the first."""
    return min(losses, key=losses.__getitem__)
