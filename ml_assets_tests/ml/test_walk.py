"""The walk-forward table: each month tested once, by a model of the months before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml_assets.ml import boost, metrics, split, tune
from ml_assets.ml import codec as codecs
from ml_assets.ml.declared import DeclaredMetric
from ml_assets.ml.spec import SplitSpec, TuningSpec
from ml_assets.ml.training_table import PARTITION, labels
from ml_assets.ml.walk import Step, Walk, walk
from ml_assets_tests.ml.data import FEATURES, model_spec, replace, training_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from ml_assets.ml.spec import Parameter
    from ml_assets.ml.training_table import Floats, Ints

SPLIT = SplitSpec(test=1, tune=1, walk_forward_from="2013-03")
CANDIDATES = ["constant", "rate", "linear", "untuned", "tuned"]


def walked(
    table: pa.Table,
    folder: Path,
    declared: Sequence[DeclaredMetric] = (),
    **settings: Any,  # noqa: ANN401
) -> Walk:
    folder.mkdir(exist_ok=True)
    given = {
        "threads": 1,
        "split": SPLIT,
        "tuning": TuningSpec(trials=1, walk_forward_trials=2),
        **settings,
    }
    return walk(
        table,
        FEATURES,
        model_spec(**given),
        storage=f"sqlite:///{folder}/walk.db",
        study="walk",
        progress=lambda text: None,
        declared=declared,
    )


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return training_table(2000)


@pytest.fixture(scope="module")
def found(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    return walked(table, tmp_path_factory.mktemp("walk"))


def test_each_month_from_the_declared_one_on_is_tested_once(table: pa.Table, found: Walk) -> None:
    counts = {key: table[PARTITION].to_pylist().count(key) for key in ("2013-03", "2013-04")}
    assert {step.partition: step.rows for step in found.steps} == counts
    assert all(list(step.metrics) == CANDIDATES for step in found.steps)


def test_a_model_learns_nothing_from_its_test_month_or_later(
    table: pa.Table, found: Walk, tmp_path: Path
) -> None:
    april = np.array(table[PARTITION].to_pylist()) == "2013-04"
    label = table["_label"].to_numpy()
    changed = walked(replace(table, "_label", np.where(april, 1 - label, label)), tmp_path)
    assert changed.steps[0] == found.steps[0]
    # What learned the truth does badly where the truth is turned around.
    assert found.steps[1].metrics["tuned"]["auc"] > 0.6
    assert changed.steps[1].metrics["tuned"]["auc"] == pytest.approx(
        1 - found.steps[1].metrics["tuned"]["auc"], abs=1e-9
    )


def test_recorded_start_parameters_are_not_used(
    table: pa.Table, found: Walk, tmp_path: Path
) -> None:
    told: dict[str, Parameter] = {"learning_rate": 0.2, "num_leaves": 8, "min_data_in_leaf": 1000}
    tuning = TuningSpec(trials=7, start=told, walk_forward_trials=2)
    assert walked(table, tmp_path, tuning=tuning) == found


def test_untuned_is_the_default_model(table: pa.Table, found: Walk) -> None:
    spec = model_spec(split=SPLIT, threads=1)
    windows = split.walk_forward(table[PARTITION].unique().to_pylist(), SPLIT)[-1]
    parts = split.cut(table, windows.train, windows.test)
    codec = codecs.fit(parts.before, FEATURES)
    matches = []
    for rounds in range(1, tune.ROUNDS + 1):
        model = boost.train(parts.before, codec, tune.start(spec), rounds, spec)
        auc = metrics.measure("binary", labels(parts.after), model.predict(parts.after))["auc"]
        matches.append(auc == found.steps[-1].metrics["untuned"]["auc"])
        if matches[-1]:
            break
    assert any(matches)


def test_its_budget_counts_trials(table: pa.Table, tmp_path: Path) -> None:
    import optuna

    walked(table, tmp_path, tuning=TuningSpec(trials=5, walk_forward_trials=3))
    studies = optuna.get_all_study_summaries(f"sqlite:///{tmp_path}/walk.db")
    assert {one.study_name: one.n_trials for one in studies} == {
        "walk-2013-03": 3,
        "walk-2013-04": 3,
    }


def test_the_pipelines_own_metrics_stand_beside_the_standard_ones(
    table: pa.Table, found: Walk, tmp_path: Path
) -> None:
    def alarms(score: Floats, flight: Ints) -> float:
        return float((score * flight).mean())

    own = DeclaredMetric("alarms", "", True, alarms, ("score", "flight"))
    shown = walked(table, tmp_path, declared=[own])
    march = np.array(table[PARTITION].to_pylist()) == "2013-03"
    flights = table["flight"].to_numpy()[march]
    for with_own, without in zip(shown.steps, found.steps, strict=True):
        for candidate, measured in without.metrics.items():
            assert {**with_own.metrics[candidate]}.pop("alarms") > 0
            assert with_own.metrics[candidate].items() >= measured.items()
    constant = shown.steps[0].metrics["constant"]
    rate, base = labels(table)[march].mean(), constant["alarms"] / flights.mean()
    loss = -rate * np.log(base) - (1 - rate) * np.log(1 - base)
    assert constant["log_loss"] == pytest.approx(loss)
    assert shown.markdown().startswith(
        "| | rows | auc | average_precision | log_loss | brier | alarms |"
    )


def test_regression_is_walked_too(tmp_path: Path) -> None:
    found = walked(training_table(2000, "regression"), tmp_path, problem="regression")
    assert found.mean("tuned", "mae") < found.mean("constant", "mae")


def test_the_table_shows_means_and_then_months() -> None:
    def step(partition: str, rows: int, *auc: float) -> Step:
        names = ("constant", "tuned")
        found = {n: {"auc": a, "brier": a / 4} for n, a in zip(names, auc, strict=True)}
        return Step(partition, rows, found)

    shown = Walk([step("2013-04", 1000, 0.5, 0.7), step("2013-05", 3000, 0.5, 0.8)])
    assert shown.markdown().splitlines() == [
        "| | rows | auc | brier |",
        "|---|---:|---:|---:|",
        "| **constant**, mean | 4,000 | 0.5000 | 0.1250 |",
        "| **tuned**, mean | 4,000 | 0.7500 | 0.1875 |",
        "| 2013-04 | 1,000 | 0.7000 | 0.1750 |",
        "| 2013-05 | 3,000 | 0.8000 | 0.2000 |",
    ]
    assert shown.means()["mean tuned auc"] == pytest.approx(0.75)
