"""Optuna search on a window inside training: resumable, its budget a number of trials.

One process at a time may work on a study; the caller holds a lock and names the study after the
data, so that another run's unfinished trial can be told from a killed one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.errors import DeclarationError
from ml_assets.ml import boost
from ml_assets.ml import codec as codecs
from ml_assets.ml.classes import classes_of
from ml_assets.ml.training_table import require_trainable

if TYPE_CHECKING:
    import lightgbm as lgb
    import optuna
    import pyarrow as pa

    from ml_assets.ml.spec import ModelSpec, Parameter

Progress = Callable[[int, int, float], None]

ROUNDS = 400
PATIENCE = 30
RANDOM_TRIALS = 5


@dataclass(frozen=True)
class Range:
    """Bounds of one searched parameter, its value when nothing is known, and its scale."""

    low: float
    high: float
    default: float
    log: bool = True


SPACE: Mapping[str, Range] = {
    "learning_rate": Range(0.05, 0.2, 0.1),
    "num_leaves": Range(8, 64, 31),
    "min_data_in_leaf": Range(20, 1000, 100),
    "feature_fraction": Range(0.2, 1.0, 0.6, log=False),
    "bagging_fraction": Range(0.5, 1.0, 0.9, log=False),
    "lambda_l1": Range(1e-3, 30.0, 0.01),
    "lambda_l2": Range(1e-3, 100.0, 1.0),
    "cat_smooth": Range(5.0, 300.0, 20.0),
}
INTEGERS = frozenset({"num_leaves", "min_data_in_leaf"})


@dataclass(frozen=True)
class Trial:
    """One parameter set, its best round count and its mean loss on the tuning window."""

    number: int
    parameters: dict[str, Parameter]
    rounds: int
    value: float
    seconds: float


@dataclass(frozen=True)
class Tuned:
    """The best trial's parameters and rounds, and all trials in the order they were made."""

    parameters: dict[str, Parameter]
    rounds: int
    value: float
    trials: tuple[Trial, ...]


def tune(
    fit: pa.Table,
    window: pa.Table,
    features: Sequence[str],
    spec: ModelSpec,
    storage: str,
    study: str,
    progress: Progress | None = None,
) -> Tuned:
    """Search on the rows `window` with models trained on the rows `fit`, which precede them.

    `storage` is an Optuna URL. A study that was killed goes on where it stopped. With no trials
    declared, the start parameters alone are tried, because their round count comes from here.
    """
    require_trainable(fit, spec.problem, spec.minimum_rows, "fitting")
    require_trainable(window, spec.problem, 1, "tuning")
    first, budget = start(spec), max(spec.tuning.trials, 1)
    # Of both windows: a class that comes first in the tuning window has no tree, and is counted.
    classes = classes_of(fit, window)
    with _study(storage, study) as search:
        if not _in_state(search, "COMPLETE", "WAITING"):
            search.enqueue_trial(first)
        data = None
        for number in range(len(_in_state(search, "COMPLETE")), budget):
            data = data or _datasets(fit, window, features, spec, classes)
            value = _run(search, number, data, spec, classes)
            if progress is not None:
                progress(number + 1, budget, value)
        trials = tuple(map(_trial, range(budget), _in_state(search, "COMPLETE")))
    best = min(trials, key=lambda trial: (trial.value, trial.number))
    return Tuned(best.parameters, best.rounds, best.value, trials)


def start(spec: ModelSpec) -> dict[str, Parameter]:
    """Return the first trial's parameters: the declared ones, defaults for the others."""
    for name, value in spec.tuning.start.items():
        if name not in SPACE:
            raise DeclarationError(
                f"tuning.start sets {name}, which is not searched.",
                f"Set any of {', '.join(SPACE)}.",
            )
        if not _within(name, value):
            low, high = SPACE[name].low, SPACE[name].high
            kind = "a whole number" if name in INTEGERS else "a number"
            raise DeclarationError(
                f"tuning.start sets {name} to {value!r}.", f"Give {kind} from {low:g} to {high:g}."
            )
    return {name: spec.tuning.start.get(name, bounds.default) for name, bounds in SPACE.items()}


def _within(name: str, value: Parameter) -> bool:
    if isinstance(value, bool | str) or (name in INTEGERS and value != int(value)):
        return False
    return SPACE[name].low <= value <= SPACE[name].high


def _datasets(
    fit: pa.Table,
    window: pa.Table,
    features: Sequence[str],
    spec: ModelSpec,
    classes: Sequence[str],
) -> tuple[lgb.Dataset, lgb.Dataset]:
    """Encode and bin both windows once for all trials; no searched parameter changes the bins."""
    codec = codecs.fit(fit, features)
    train = boost.dataset(fit, codec, spec, classes=classes).construct()
    return train, boost.dataset(window, codec, spec, train, classes).construct()


def _run(
    search: optuna.Study,
    number: int,
    data: tuple[lgb.Dataset, lgb.Dataset],
    spec: ModelSpec,
    classes: Sequence[str],
) -> float:
    import optuna

    # A sampler of its own per trial, seeded by the number of finished trials, makes a resumed
    # search draw what an uninterrupted one draws.
    search.sampler = optuna.samplers.TPESampler(
        seed=spec.seed * 100_003 + number, n_startup_trials=RANDOM_TRIALS, constant_liar=False
    )
    began, trial = time.monotonic(), search.ask()
    parameters = {name: _suggest(trial, name, bounds) for name, bounds in SPACE.items()}
    rounds, value = _best_round(data, parameters, spec, classes)
    trial.set_user_attr("rounds", rounds)
    trial.set_user_attr("seconds", round(time.monotonic() - began, 3))
    search.tell(trial, value)
    return value


def _suggest(trial: optuna.Trial, name: str, bounds: Range) -> Parameter:
    if name in INTEGERS:
        return trial.suggest_int(name, int(bounds.low), int(bounds.high), log=bounds.log)
    return trial.suggest_float(name, bounds.low, bounds.high, log=bounds.log)


def _best_round(
    data: tuple[lgb.Dataset, lgb.Dataset],
    parameters: Mapping[str, Parameter],
    spec: ModelSpec,
    classes: Sequence[str],
) -> tuple[int, float]:
    """Train until the tuning loss has not improved for PATIENCE rounds; return rounds and loss."""
    lgb = boost.lightgbm()
    booster = lgb.train(
        {**parameters, **boost.pinned(spec, classes)},
        data[0],
        num_boost_round=ROUNDS,
        valid_sets=[data[1]],
        valid_names=["tune"],
        callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
    )
    value = booster.best_score["tune"][boost.METRIC[spec.problem]]
    return int(booster.best_iteration), float(value)


@contextmanager
def _study(storage: str, name: str) -> Iterator[optuna.Study]:
    """Open or create the study; trials a killed process left running are marked failed."""
    import optuna

    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()
    backend = optuna.storages.RDBStorage(storage)
    try:
        search = optuna.create_study(storage=backend, study_name=name, load_if_exists=True)
        for trial in _in_state(search, "RUNNING"):
            search.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        yield search
    finally:
        backend.remove_session()
        backend.engine.dispose()


def _in_state(search: optuna.Study, *states: str) -> list[optuna.trial.FrozenTrial]:
    return [t for t in search.get_trials(deepcopy=False) if t.state.name in states]


def _trial(number: int, done: optuna.trial.FrozenTrial) -> Trial:
    if done.value is None:
        raise ValueError(f"trial {number} is complete without a value")
    attributes = done.user_attrs
    return Trial(number, done.params, attributes["rounds"], done.value, attributes["seconds"])
