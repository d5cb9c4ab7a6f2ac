from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml_assets.errors import DataError
from ml_assets.ml import baselines, metrics
from ml_assets.ml.baselines import SMOOTHING, Baseline, Constant, Rate
from ml_assets.ml.training_table import labels
from ml_assets_tests.ml.data import FEATURES, model_spec, replace, training_table

PROBLEMS = ("binary", "regression")


def fitted(problem: str) -> list[Baseline]:
    return baselines.fit(training_table(problem=problem), FEATURES, model_spec(problem=problem))


@pytest.mark.parametrize("problem", PROBLEMS)
def test_each_knows_more_than_the_one_before(problem: str) -> None:
    new = training_table(problem=problem, seed=1)
    found = fitted(problem)
    assert [b.name for b in found] == ["constant", "rate", "linear"]
    loss = [metrics.losses(problem, labels(new), b.predict(new)).mean() for b in found]
    assert loss == sorted(loss, reverse=True)
    assert len(set(loss)) == 3


@pytest.mark.parametrize("problem", PROBLEMS)
def test_json_keeps_every_score(problem: str) -> None:
    new = replace(training_table(300, problem, seed=2), "carrier", ["C1", "ZZ", None] * 100)
    for baseline in fitted(problem):
        again = baselines.load(baseline.to_json())
        assert again == baseline
        assert again.predict(new).tolist() == baseline.predict(new).tolist()
        assert again.description == baseline.description


def test_no_rate_without_declared_columns() -> None:
    spec = model_spec(rate_baseline=())
    assert [b.name for b in baselines.fit(training_table(), FEATURES, spec)] == [
        "constant",
        "linear",
    ]


def test_the_constant_is_base_rate_or_median() -> None:
    table = pa.table({"_label": [0.0, 0.0, 0.0, 1.0]})
    assert Constant.fit(table, "binary").value == 0.25
    assert Constant.fit(table, "regression").value == 0.0
    assert Constant.fit(table, "binary").description == "base rate 0.25"


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_rate_is_the_smoothed_average_of_the_group(problem: str) -> None:
    table = pa.table(
        {
            "c": ["a", "a", "a", "b", None, None],
            "n": [1, 1, 1, 1, 2, 2],
            "_label": [0.0, 1.0, 1.0, 0.0, 1.0, 1.0],
        }
    )
    rate = Rate.fit(table, ("c", "n"), problem)
    overall = 4 / 6 if problem == "binary" else 1.0
    own = {"a": 2 / 3 if problem == "binary" else 1.0, "b": 0.0, "none": 1.0}
    wanted = [
        (3 * own["a"] + SMOOTHING * overall) / (3 + SMOOTHING),
        (1 * own["b"] + SMOOTHING * overall) / (1 + SMOOTHING),
        (2 * own["none"] + SMOOTHING * overall) / (2 + SMOOTHING),
        overall,
        overall,
    ]
    new = pa.table({"c": ["a", "b", None, "new", "b"], "n": [1, 1, 2, 1, 2]})
    assert rate.predict(new) == pytest.approx(wanted)


def test_a_missing_group_column_is_named() -> None:
    with pytest.raises(DataError, match="lacks the feature columns tail"):
        Rate.fit(training_table(100), ("tail",), "binary")


@pytest.mark.parametrize("problem", PROBLEMS)
def test_no_rows_no_scores(problem: str) -> None:
    nothing = training_table(10).slice(0, 0)
    assert [b.predict(nothing).shape for b in fitted(problem)] == [(0,)] * 3


def test_one_class_is_refused() -> None:
    table = replace(training_table(200), "_label", np.zeros(200))
    with pytest.raises(DataError, match="Only one class"):
        baselines.fit(table, FEATURES, model_spec())


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no baseline is called 'oracle'"):
        baselines.load('{"kind": "oracle"}')
