"""The walk-forward table: every model tested on the partition after its training data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.ml import boost, metrics, split
from ml_assets.ml import codec as codecs
from ml_assets.ml.candidates import LIGHTGBM
from ml_assets.ml.classes import codes
from ml_assets.ml.fit import fit
from ml_assets.ml.model import answers, vocabulary
from ml_assets.ml.spec import TuningSpec
from ml_assets.ml.training_table import PARTITION
from ml_assets.ml.tune import start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from ml_assets.ml.baselines import Predictor
    from ml_assets.ml.custom import Recipe
    from ml_assets.ml.declared import DeclaredMetric
    from ml_assets.ml.spec import ModelSpec
    from ml_assets.ml.split import Windows


@dataclass(frozen=True)
class Step:
    """One test partition: its rows and every candidate's metrics."""

    partition: str
    rows: int
    metrics: Mapping[str, Mapping[str, float]]
    """Candidate to metric to value."""


@dataclass(frozen=True)
class Walk:
    """All steps, in time order."""

    steps: list[Step]

    def mean(self, candidate: str, metric: str) -> float:
        """Return the mean of a metric over the test partitions, each counted once."""
        return float(np.mean([step.metrics[candidate][metric] for step in self.steps]))

    def means(self) -> dict[str, float]:
        """Return every candidate's means by a flat name."""
        return {
            f"mean {candidate} {metric}": self.mean(candidate, metric)
            for candidate, found in self.steps[0].metrics.items()
            for metric in found
        }

    def markdown(self) -> str:
        """Return the table of means per candidate, then of the model's metrics per partition."""
        names = list(next(iter(self.steps[0].metrics.values())))
        head = f"| | rows | {' | '.join(names)} |\n|---|---:|{'---:|' * len(names)}"
        total = sum(step.rows for step in self.steps)
        lines = [
            _line(f"**{candidate}**, mean", total, [self.mean(candidate, name) for name in names])
            for candidate in self.steps[0].metrics
        ]
        model = list(self.steps[0].metrics)[-1]
        lines += [
            _line(step.partition, step.rows, [step.metrics[model][name] for name in names])
            for step in self.steps
        ]
        return "\n".join([head, *lines])


def walk(
    table: pa.Table,
    features: Sequence[str],
    spec: ModelSpec,
    *,
    storage: str,
    study: str,
    progress: Callable[[str], None],
    recipes: Sequence[Recipe] = (),
    declared: Sequence[DeclaredMetric] = (),
) -> Walk:
    """Fit and test once per partition from `spec.split.walk_forward_from` on.

    `table` has the columns that the pipeline's own metrics, `declared`, need beside `features`.
    """
    search = TuningSpec(trials=spec.tuning.walk_forward_trials)
    spec = replace(spec, tuning=search)
    partitions = table[PARTITION].unique().to_pylist()
    steps = []
    for cut in split.walk_forward(partitions, spec.split):
        windows = split.settled(cut, table)
        name = f"{study}-{windows.test[0]}"
        step = _step(table, features, spec, windows, storage, name, recipes, declared)
        steps.append(step)
        shown = ", ".join(f"{name} {value:.4f}" for name, value in step.metrics["tuned"].items())
        progress(f"{step.partition}: {step.rows:,} rows, {shown}")
    return Walk(steps)


def _step(
    table: pa.Table,
    features: Sequence[str],
    spec: ModelSpec,
    windows: Windows,
    storage: str,
    study: str,
    recipes: Sequence[Recipe],
    declared: Sequence[DeclaredMetric],
) -> Step:
    fitted = fit(table, features, spec, windows, storage, study, lambda *_: None, recipes)
    parts = split.cut(table, windows.train, windows.test)
    first = fitted.tuned.trials[0]
    # The start parameters with the rounds they were found to need: what no search would give.
    untuned = boost.train(
        parts.before, codecs.fit(parts.before, features), start(spec), first.rounds, spec
    )
    found: dict[str, Predictor] = {item.name: item for item in (*fitted.baselines, fitted.model)}
    found |= {"untuned": untuned, "tuned": found.pop(LIGHTGBM)}
    classes = vocabulary(parts.after, found.values())
    label = codes(parts.after, classes)
    measured = {}
    for name, item in found.items():
        score = answers(item, parts.after, classes)
        own = {one.name: one.value(parts.after, label, score, classes) for one in declared}
        measured[name] = metrics.measure(spec.problem, label, score) | own
    return Step(windows.test[0], parts.after.num_rows, measured)


def _line(name: str, rows: int, values: Sequence[float]) -> str:
    return f"| {name} | {rows:,} | {' | '.join(f'{value:.4f}' for value in values)} |"
