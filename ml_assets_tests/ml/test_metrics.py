from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from ml_assets.errors import DataError
from ml_assets.ml.metrics import log_loss, losses, measure, measure_defined

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats

# Few distinct scores, so that ties are the rule.
scored = st.lists(
    st.tuples(st.booleans(), st.integers(0, 8).map(lambda n: n / 8)), min_size=2, max_size=60
).filter(lambda rows: len({label for label, _ in rows}) == 2)
numbers = st.floats(-1e6, 1e6)


def _arrays(rows: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    table = np.array(rows, dtype=np.float64)
    return table[:, 0], table[:, 1]


@given(scored)
def test_binary_metrics_agree_with_scikit_learn(rows: list[tuple[float, float]]) -> None:
    label, score = _arrays(rows)
    found = measure("binary", label, score)
    assert found["auc"] == pytest.approx(reference.roc_auc_score(label, score), abs=1e-12)
    assert found["average_precision"] == pytest.approx(
        reference.average_precision_score(label, score), abs=1e-12
    )
    assert found["log_loss"] == pytest.approx(reference.log_loss(label, score), rel=1e-9, abs=1e-12)
    assert found["brier"] == pytest.approx(reference.brier_score_loss(label, score), abs=1e-12)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=60))
def test_regression_metrics_agree_with_scikit_learn(rows: list[tuple[float, float]]) -> None:
    label, score = _arrays(rows)
    found = measure("regression", label, score)
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(label, score))
    assert found["rmse"] == pytest.approx(reference.root_mean_squared_error(label, score))


@given(scored)
def test_the_order_of_rows_does_not_matter(rows: list[tuple[float, float]]) -> None:
    forward, backward = measure("binary", *_arrays(rows)), measure("binary", *_arrays(rows[::-1]))
    assert forward == pytest.approx(backward, rel=1e-12)


@given(scored)
def test_the_mean_loss_is_the_primary_metric(rows: list[tuple[float, float]]) -> None:
    label, score = _arrays(rows)
    assert losses("binary", label, score).mean() == measure("binary", label, score)["log_loss"]
    assert losses("regression", label, score).mean() == measure("regression", label, score)["mae"]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_a_score_that_is_no_number_is_an_error(problem: str, bad: float) -> None:
    with pytest.raises(DataError, match="1 of 2 labels and scores are NaN or infinite"):
        measure(problem, np.array([0.0, 1.0]), np.array([0.5, bad]))


def test_one_class_is_an_error_that_says_so() -> None:
    with pytest.raises(DataError, match="Only one class in the measured rows: all 3 labels are 1"):
        measure("binary", np.ones(3), np.full(3, 0.5))


def test_scores_beyond_zero_and_one_are_no_probabilities() -> None:
    with pytest.raises(DataError, match=r"Scores from -0\.5 to 1\.5 are no probabilities"):
        measure("binary", np.array([0.0, 1.0]), np.array([-0.5, 1.5]))


@pytest.mark.parametrize(("labels", "scores"), [(0, 0), (2, 3)])
def test_labels_and_scores_belong_together(labels: int, scores: int) -> None:
    with pytest.raises(DataError, match=f"{labels} labels and {scores} scores"):
        measure("regression", np.zeros(labels), np.zeros(scores))


def test_a_certain_error_has_a_finite_price() -> None:
    assert measure("binary", np.array([0.0, 1.0]), np.array([1.0, 0.0]))["log_loss"] < 37


def test_rows_of_one_class_have_a_loss_and_no_ranking() -> None:
    label, score = np.ones(3), np.array([0.5, 0.8, 0.9])
    found = measure_defined("binary", label, score)
    assert found == {"log_loss": log_loss(label, score), "brier": pytest.approx(0.1)}
    both = np.array([0.0, 1.0, 1.0])
    assert measure_defined("binary", both, score) == measure("binary", both, score)
    with pytest.raises(DataError, match="NaN or infinite"):
        measure_defined("binary", label, np.array([0.5, np.nan, 0.5]))
    shares = np.array([[0.5, 0.5], [0.9, 0.1]])
    several = measure_defined("multiclass", np.zeros(2), shares)
    assert set(several) == {"log_loss", "accuracy", "macro_f1"}
