"""Models, their scores and their references: each computed once, whichever policy asks for it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.backtest.model import Model, Usual, watched
from ml_assets.backtest.past import digest
from ml_assets.backtest.shelf import TRAINING, code_version
from ml_assets.ml import boost, metrics, split
from ml_assets.ml import codec as codecs
from ml_assets.ml.boost import TrainedModel
from ml_assets.ml.candidates import Candidates
from ml_assets.ml.classes import aligned, classes_of, codes
from ml_assets.ml.out_of_fold import out_of_fold
from ml_assets.ml.spec import TuningSpec
from ml_assets.ml.training_table import LABEL
from ml_assets.ml.tune import tune
from ml_assets.monitors.reference import Reference, reference_of
from ml_assets.monitors.statistics import statistics
from ml_assets.tables.answered import beside
from ml_assets.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ml_assets.backtest.past import Past
    from ml_assets.backtest.shelf import Shelf
    from ml_assets.ml.spec import ModelSpec
    from ml_assets.ml.training_table import Bools, Floats
    from ml_assets.monitors.days import Days


@dataclass(frozen=True)
class Models:
    """Everything that is trained or scored in a backtest; what is on the shelf is read from it."""

    past: Past
    shelf: Shelf
    trials: int
    """Of each search; with none, the default parameters and the rounds they need."""
    progress: Callable[[str], None]
    _made: dict[str, Model] = field(default_factory=dict)
    _usual: dict[str, Usual] = field(default_factory=dict)
    _days: dict[str, Days] = field(default_factory=dict)

    @property
    def spec(self) -> ModelSpec:
        """How models are trained; never begun at recorded parameters, found on replayed months."""
        return replace(self.past.pipeline.declaration.model, tuning=TuningSpec(trials=self.trials))

    def train(self, keys: Sequence[str], as_of: datetime, like: Model | None = None) -> Model:
        """Return the model of some partitions' labels known at `as_of`.

        Parameters and rounds are searched inside, or those of the model `like`, as in a refit.
        """
        rounds = None if like is None else (dict(like.parameters), like.trained.rounds)
        content = [self.past.content[key] for key in keys]
        name = digest([*self._meaning(), list(keys), content, as_of.isoformat(), rounds])
        if name not in self._made:
            self._made[name] = self._train(name, tuple(keys), as_of, like)
        return self._made[name]

    def scores(self, model: Model, key: str) -> Floats:
        """Return the model's answers to the entities of a partition, in their order.

        Of several classes they have a column for each that the model knows.
        """
        name = digest([model.name, self.past.content[key]])

        def make() -> Floats:
            return model.trained.predict(self.past.rows(key), self.spec.threads)

        kept, own = self.shelf.array("scores", name, make), model.trained.classes
        return kept.reshape(-1, len(own)) if own else kept

    def answers(
        self, model: Model, keys: Sequence[str], as_of: datetime, classes: Sequence[str]
    ) -> Floats:
        """Return the model's scores of the rows of `Past.known_facts`, on `classes`."""
        known = [self.past.outcomes[key].known(as_of) for key in keys]
        scores = [self.scores(model, key) for key in keys]
        whole = np.concatenate([one[own] for one, own in zip(scores, known, strict=True)])
        return aligned(whole, model.trained.classes, classes)

    def usual(self, model: Model) -> Usual:
        """Return the reference of a model with its metrics, out of fold."""
        if model.name not in self._usual:
            name = watched(model)
            found = json.loads(self.shelf.text("references", name, lambda: self._refer(model)))
            reference = Reference.from_json(found["reference"])
            self._usual[model.name] = Usual(reference, found["metrics"])
        return self._usual[model.name]

    def days(self, model: Model, key: str, as_of: datetime) -> Days:
        """Return the statistics of a partition scored by `model` with the labels known then."""
        known, settled = self.past.outcomes[key].known(as_of), self.past.settled(as_of)
        # What is known only grows, so that its number says which labels these are.
        told = [watched(model), self.past.content[key], int(known.sum()), settled]
        name = digest(told)
        if name not in self._days:
            text = self.shelf.text("days", name, lambda: self._count(model, key, known, settled))
            self._days[name] = Reference.from_json(text).days
        return self._days[name]

    def _meaning(self) -> list[object]:
        declared = self.past.pipeline.declaration
        spec = asdict(replace(self.spec, threads=1))
        label = [declared.label.table, declared.label.value]
        return [code_version(*TRAINING), spec, self.past.features, label, declared.time_zone]

    def _train(
        self, name: str, keys: tuple[str, ...], as_of: datetime, like: Model | None
    ) -> Model:
        found = json.loads(
            self.shelf.text("models", name, lambda: self._fit(name, keys, as_of, like))
        )
        codec = codecs.Codec.from_json(found["codec"])
        trained = TrainedModel(found["trees"], codec, tuple(found["classes"]))
        tuned = () if like else self._tune(keys)
        return Model(name, keys, as_of, found["parameters"], trained, found["rows"], tuned)

    def _tune(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        return keys[-max(1, min(self.spec.split.tune, len(keys) - 1)) :]

    def _fit(self, name: str, keys: tuple[str, ...], as_of: datetime, like: Model | None) -> str:
        rows, features = self.past.training_rows(keys, as_of), self.past.features
        how = "like the challenger" if like else f"tuned in {counted(max(self.trials, 1), 'trial')}"
        self.progress(f"trains on {keys[0]} to {keys[-1]}: {rows.num_rows:,} rows, {how}")
        if like is not None:
            parameters, rounds = dict(like.parameters), like.trained.rounds
        else:
            held = self._tune(keys)
            inner = split.cut(rows, keys[: -len(held)], held)
            self.shelf.folder.mkdir(parents=True, exist_ok=True)
            storage = f"sqlite:///{self.shelf.folder / 'tuning.sqlite'}"
            tuned = tune(inner.before, inner.after, features, self.spec, storage, name)
            parameters, rounds = tuned.parameters, tuned.rounds
        model = boost.train(rows, codecs.fit(rows, features), parameters, rounds, self.spec)
        return json.dumps(
            {
                "trees": model.booster_text,
                "codec": model.codec.to_json(),
                "classes": model.classes,
                "parameters": parameters,
                "rows": rows.num_rows,
            }
        )

    def _refer(self, model: Model) -> str:
        rows, features = self.past.training_rows(model.keys, model.as_of), self.past.features
        self.progress(f"scores {model.keys[0]} to {model.keys[-1]} out of fold")
        problem, rounds = self.spec.problem, model.trained.rounds
        candidates = Candidates(features, self.spec)
        score = out_of_fold(rows, lambda seen: candidates.boosted(seen, model.parameters, rounds))
        importance = model.trained.gain_shares()
        reference = reference_of(rows, features, score, problem, importance)
        measured = metrics.measure(problem, codes(rows, classes_of(rows)), score)
        return json.dumps({"reference": reference.to_json(), "metrics": measured})

    def _count(self, model: Model, key: str, known: Bools, settled: np.datetime64 | None) -> str:
        reference, rows = self.usual(model).reference, self.past.rows(key)
        label = pc.if_else(pa.array(known), rows[LABEL], pa.scalar(None, rows[LABEL].type))
        # Of the classes that happened only those that are known by now.
        score, own = self.scores(model, key), model.trained.classes
        found = beside(score, own, label, reference.days.classes)
        days = statistics(
            self.spec.problem,
            self.past.outcomes[key].dates,
            found.score,
            found.label,
            rows,
            reference.bins,
            settled,
            found.classes,
        )
        return Reference(days, {}, {}).to_json()
