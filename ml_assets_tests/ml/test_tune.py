from __future__ import annotations

import logging
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ml_assets.errors import DataError, DeclarationError
from ml_assets.ml import boost, codec, metrics, tune
from ml_assets.ml.spec import ModelSpec, TuningSpec
from ml_assets.ml.split import cut
from ml_assets.ml.training_table import labels
from ml_assets_tests.ml.data import FEATURES, PARTITIONS, model_spec, training_table

if TYPE_CHECKING:
    from ml_assets.ml.tune import Progress, Tuned

DATA = cut(training_table(), PARTITIONS[:2], PARTITIONS[2:3])
TRIALS = 7  # two more than are drawn at random


class Killed(BaseException):
    """Stands for kill -9: no handler in the code may catch it."""


def search(path: Path, spec: ModelSpec | None = None, progress: Progress | None = None) -> Tuned:
    spec = spec or model_spec(tuning=TuningSpec(trials=TRIALS))
    url = f"sqlite:///{path / 'optuna.db'}"
    return tune.tune(DATA.before, DATA.after, FEATURES, spec, url, "study", progress)


def without_time(found: Tuned) -> list[tuple[Any, ...]]:
    return [(t.number, t.parameters, t.rounds, t.value) for t in found.trials]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return search(tmp_path_factory.mktemp("whole"))


@pytest.mark.slow
@pytest.mark.parametrize("last", [1, 3, 6])
def test_a_killed_search_goes_on_as_if_nothing_had_happened(
    last: int, whole: Tuned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, calls = tune._best_round, 0

    def dies(*arguments: Any) -> tuple[int, float]:  # noqa: ANN401
        nonlocal calls
        calls += 1
        if calls == last:
            raise Killed
        return train(*arguments)

    monkeypatch.setattr(tune, "_best_round", dies)
    with pytest.raises(Killed):
        search(tmp_path)
    monkeypatch.setattr(tune, "_best_round", train)
    made: list[int] = []
    resumed = search(tmp_path, progress=lambda number, trials, value: made.append(number))
    assert made == list(range(last, TRIALS + 1))
    assert without_time(resumed) == without_time(whole)
    assert resumed.parameters == whole.parameters


KILLED_IN_THE_FOURTH_TRIAL = """
import os, pathlib, signal, sys
from ml_assets.ml import tune
from ml_assets_tests.ml.test_tune import search
train, calls = tune._best_round, iter(range(4))
tune._best_round = lambda *rest: (
    train(*rest) if next(calls) < 3 else os.kill(os.getpid(), signal.SIGKILL)
)
search(pathlib.Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_search_killed_by_the_system_goes_on(whole: Tuned, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED_IN_THE_FOURTH_TRIAL, str(tmp_path)]
    killed = subprocess.run(command, check=False, cwd=Path(__file__).parents[2])
    assert killed.returncode == -signal.SIGKILL
    made: list[int] = []
    resumed = search(tmp_path, progress=lambda number, trials, value: made.append(number))
    assert made == list(range(4, TRIALS + 1))
    assert without_time(resumed) == without_time(whole)


def test_the_best_trial_wins(whole: Tuned) -> None:
    assert len(whole.trials) == TRIALS
    assert whole.value == min(trial.value for trial in whole.trials)
    best = next(trial for trial in whole.trials if trial.value == whole.value)
    assert (best.parameters, best.rounds) == (whole.parameters, whole.rounds)
    assert all(trial.seconds > 0 for trial in whole.trials)


def test_a_trial_is_what_training_anew_would_give(whole: Tuned) -> None:
    """Trials share one binned data set; that changes nothing."""
    spec, fitted = model_spec(), codec.fit(DATA.before, FEATURES)
    for trial in whole.trials:
        model = boost.train(DATA.before, fitted, trial.parameters, trial.rounds, spec)
        loss = metrics.log_loss(labels(DATA.after), model.predict(DATA.after))
        assert loss == pytest.approx(trial.value, rel=1e-9)


@pytest.mark.slow
def test_a_finished_search_is_not_repeated(tmp_path: Path) -> None:
    spec, made = model_spec(), []
    first = search(tmp_path, spec)
    again = search(tmp_path, spec, lambda number, trials, value: made.append(number))
    assert made == []
    assert again == first


@pytest.mark.slow
def test_a_larger_budget_only_adds_trials(tmp_path: Path, whole: Tuned) -> None:
    small = search(tmp_path, model_spec(tuning=TuningSpec(trials=2)))
    large = search(tmp_path)
    assert large.trials[:2] == small.trials
    assert without_time(large) == without_time(whole)
    smaller = search(tmp_path, model_spec(tuning=TuningSpec(trials=2)))
    assert smaller == small


def test_the_declared_start_is_the_first_trial(tmp_path: Path) -> None:
    spec = model_spec(tuning=TuningSpec(trials=1, start={"num_leaves": 9, "lambda_l2": 2}))
    first = search(tmp_path, spec).trials[0].parameters
    assert first == tune.start(spec)
    assert (first["num_leaves"], first["lambda_l2"]) == (9, 2)
    assert first["learning_rate"] == tune.SPACE["learning_rate"].default


def test_without_trials_the_start_alone_is_tried(tmp_path: Path) -> None:
    found = search(tmp_path, model_spec(tuning=TuningSpec(trials=0)))
    assert len(found.trials) == 1
    assert found.parameters == tune.start(model_spec())
    assert found.rounds > 0


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"max_bin": 15}, "tuning.start sets max_bin, which is not searched. Set any of"),
        ({"num_leaves": 9999}, "sets num_leaves to 9999. Give a whole number from 8 to"),
        ({"num_leaves": 15.5}, "sets num_leaves to 15.5"),
        ({"lambda_l2": "much"}, "sets lambda_l2 to 'much'"),
    ],
)
def test_a_wrong_start_is_named(start: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        tune.start(model_spec(tuning=TuningSpec(start=start)))


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int, float]] = []
    found = search(
        tmp_path, model_spec(), lambda number, trials, value: told.append((number, trials, value))
    )
    assert told == [(t.number + 1, 3, t.value) for t in found.trials]


def test_optuna_speaks_to_the_standard_logger_only(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        search(tmp_path, model_spec(tuning=TuningSpec(trials=1)))
    assert any(record.name.startswith("optuna") for record in caplog.records)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_regression_is_tuned_by_absolute_error(tmp_path: Path) -> None:
    found = cut(training_table(problem="regression"), PARTITIONS[:2], PARTITIONS[2:3])
    spec = model_spec(problem="regression", tuning=TuningSpec(trials=1))
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    tuned = tune.tune(found.before, found.after, FEATURES, spec, url, "study")
    fitted = codec.fit(found.before, FEATURES)
    model = boost.train(found.before, fitted, tuned.parameters, tuned.rounds, spec)
    label = labels(found.after)
    assert metrics.mae(label, model.predict(found.after)) == pytest.approx(tuned.value)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(DataError, match="The fitting window has 5 rows, fewer than minimum_rows"):
        tune.tune(DATA.before.slice(0, 5), DATA.after, FEATURES, model_spec(), "sqlite://", "s")
