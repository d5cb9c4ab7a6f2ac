"""Who becomes the model: by the tuning window alone, and trained again the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from ml_assets.ml import metrics, split
from ml_assets.ml.baselines import Constant
from ml_assets.ml.boost import TrainedModel
from ml_assets.ml.candidates import LIGHTGBM, Candidates, best
from ml_assets.ml.custom import Recipe
from ml_assets.ml.fit import fit
from ml_assets.ml.model import Simple, read_model
from ml_assets.ml.training_table import labels
from ml_assets_tests.ml.data import FEATURES, model_spec, training_table
from ml_assets_tests.ml.test_fit import WINDOWS, flipped, ignore

if TYPE_CHECKING:
    from pathlib import Path

# As the rows were made, but for the noise.
TRUTH = """
import numpy as np


def fit():
    return {}


def predict(parameters, carrier, wind, hour):
    kind = np.array([0 if one is None else int(one[1:]) % 3 for one in carrier])
    late = 0.8 * kind + 0.2 * (np.nan_to_num(wind, nan=10) - 10) + 0.05 * (hour - 14)
    return 1 / (1 + np.exp(1.5 - late))
"""
RECIPE = Recipe("truth.py", TRUTH)
THREADS = """
from threadpoolctl import threadpool_info


def fit():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


def predict(parameters, wind):
    return 0 * wind
"""


def test_the_smallest_loss_wins_and_lightgbm_where_it_is_equal() -> None:
    assert best({LIGHTGBM: 0.5, "linear": 0.4}) == "linear"
    assert best({LIGHTGBM: 0.5, "linear": 0.5}) == LIGHTGBM


@pytest.mark.slow
def test_the_tuning_window_decides_and_the_test_window_does_not(tmp_path: Path) -> None:
    table = training_table(3000)
    found = []
    for name, rows in (
        ("plain", table),
        ("test", flipped(table, "2013-04")),
        ("tune", flipped(table, "2013-03")),
    ):
        (tmp_path / name).mkdir()
        store = f"sqlite:///{tmp_path / name}/tune.db"
        spec = model_spec(threads=1)
        found.append(fit(rows, FEATURES, spec, WINDOWS, store, "study", ignore, [RECIPE]))
    plain, test, tune = found
    assert plain.model.name == test.model.name == "truth"
    assert plain.losses == test.losses
    assert tune.losses != plain.losses
    assert tune.model.name == LIGHTGBM
    assert [one.name for one in plain.baselines] == ["constant", "rate", "linear", LIGHTGBM]
    assert [one.name for one in tune.baselines] == ["constant", "rate", "linear", "truth"]


def test_a_baseline_that_is_not_declared_does_not_compete() -> None:
    parts = split.cut(training_table(2000), WINDOWS.fit, WINDOWS.tune)
    assert Candidates(FEATURES, model_spec()).losses(parts.before, parts.after) == {}
    declared = Candidates(FEATURES, model_spec(baselines=("linear", "rate")))
    losses = declared.losses(parts.before, parts.after)
    for name, loss in losses.items():
        answers = declared.train(name, parts.before).predict(parts.after)
        assert loss == pytest.approx(metrics.log_loss(labels(parts.after), answers))
    assert list(losses) == ["linear", "rate"]


@pytest.mark.parametrize("name", ["linear", "rate", "truth"])
def test_a_baseline_in_the_models_place_comes_back_from_its_files(name: str) -> None:
    table = training_table(2000)
    spec = model_spec(baselines=("linear", "rate", "truth.py"))
    candidates = Candidates(FEATURES, spec, [RECIPE])
    model = candidates.train(name, table)
    assert isinstance(model, Simple)
    assert (model.name, model.rounds) == (name, 0)
    back = read_model(model.files)
    assert back.model_hash == model.model_hash == candidates.train(name, table).model_hash
    assert np.array_equal(back.predict(table), model.predict(table))
    assert set(model.codec.names) <= set(FEATURES)


def test_the_hash_is_of_parameters_and_code() -> None:
    table = training_table(2000)
    candidates = Candidates(FEATURES, model_spec(), [RECIPE])
    other = Recipe("truth.py", TRUTH.replace("1.5", "1.4"))
    changed = Candidates(FEATURES, model_spec(), [other])
    found = {one.train("truth", table).model_hash for one in (candidates, changed)}
    found |= {candidates.train("linear", rows).model_hash for rows in (table, table.slice(9))}
    assert len(found) == 4


def test_what_a_baseline_leans_on_is_measured() -> None:
    table = training_table(2000)
    model = Candidates(FEATURES, model_spec(), [RECIPE]).train("truth", table)
    shares = model.shares(table)
    assert set(shares) == {"carrier", "wind", "hour"}
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["wind"] > shares["carrier"] > shares["hour"] > 0
    assert Simple(Constant(0.5, "binary"), model.codec).effects(table).tolist() == [0, 0, 0]


def test_lightgbm_is_trained_as_before() -> None:
    table = training_table(2000)
    model = Candidates(FEATURES, model_spec()).train(LIGHTGBM, table, {"num_leaves": 7}, 5)
    assert isinstance(model, TrainedModel)
    back = read_model(model.files)
    assert (back.model_hash, back.rounds) == (model.model_hash, 5)
    assert model.shares(table) == model.gain_shares()


def test_a_functions_linear_algebra_has_one_thread() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        found = Candidates(FEATURES, model_spec(), [Recipe("threads.py", THREADS)])
        table = training_table()
        alone, beside = found.train("threads", table), found.beside(table)[-1]
    assert isinstance(alone, Simple)
    for fitted in (alone.baseline, beside):
        assert set(json.loads(json.loads(fitted.to_json())["parameters"])) == {1}
