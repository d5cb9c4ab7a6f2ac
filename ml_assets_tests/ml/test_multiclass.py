"""Several classes: what is trained, measured and kept, and what becomes of a class nobody saw."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.errors import DataError
from ml_assets.ml import baselines, boost, bootstrap, metrics, multiclass
from ml_assets.ml import codec as codecs
from ml_assets.ml.bootstrap import Resampling
from ml_assets.ml.classes import aligned, classes_of, codes, ordered
from ml_assets.ml.evaluate import evaluate
from ml_assets.ml.fit import fit
from ml_assets.ml.model import read_model
from ml_assets.ml.out_of_fold import out_of_fold
from ml_assets.ml.spec import EvaluationSpec, SplitSpec, TuningSpec
from ml_assets.ml.split import Windows
from ml_assets.ml.walk import walk
from ml_assets_tests.ml import data

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from ml_assets.ml.training_table import Floats

SPEC = data.model_spec(problem="multiclass", baselines=("linear", "rate"))
CLASSES = ("early", "late", "on time")
WINDOWS = Windows(data.PARTITIONS[:3], data.PARTITIONS[2:3], data.PARTITIONS[3:])


def three(rows: int = 3000) -> pa.Table:
    """The small training table with early, on time and late flights."""
    table = data.training_table(rows, problem="regression")
    delay = table["_label"].to_numpy()
    kinds = np.select([delay < 5, delay > 20], ["early", "late"], "on time")
    return data.replace(table, "_label", kinds.tolist())


def train(table: pa.Table) -> boost.TrainedModel:
    """A small LightGBM."""
    return boost.train(table, codecs.fit(table, data.FEATURES), {"num_leaves": 8}, 20, SPEC)


@given(st.lists(st.integers(-50, 50), min_size=1, unique=True))
def test_whole_numbers_are_sorted_by_size_and_other_names_as_text(numbers: list[int]) -> None:
    assert [int(name) for name in ordered(map(str, numbers))] == sorted(numbers)
    assert ordered([*map(str, numbers), "x"]) == tuple(sorted([*map(str, numbers), "x"]))


def test_training_twice_gives_the_same_model_and_it_is_read_back_from_its_files() -> None:
    table = three()
    one, again = train(table), train(table)
    assert one.model_hash == again.model_hash
    assert one.classes == CLASSES
    assert one.rounds == 20
    back = read_model(one.files)
    assert back.classes == CLASSES
    np.testing.assert_array_equal(back.predict(table), one.predict(table))
    assert one.predict(table.slice(0, 0)).shape == (0, 3)


def test_every_baseline_gives_probabilities_that_are_read_back() -> None:
    table = three()
    for one in baselines.fit(table, data.FEATURES, SPEC):
        score = one.predict(table)
        assert score.shape == (table.num_rows, 3), one.name
        np.testing.assert_allclose(score.sum(axis=1), 1, err_msg=one.name)
        again = baselines.load(one.to_json())
        assert again.classes == CLASSES
        np.testing.assert_array_equal(again.predict(table), score)


def test_the_constant_is_the_share_of_each_class() -> None:
    table = three()
    constant = baselines.fit_one("constant", table, data.FEATURES, SPEC).predict(table)[0]
    label = codes(table, CLASSES)
    np.testing.assert_allclose(constant, np.bincount(label.astype(int)) / len(label))


def test_linear_is_what_the_binary_one_is_where_there_are_two_classes() -> None:
    yes_or_no = data.training_table(3000)
    words = np.where(yes_or_no["_label"].to_numpy() == 1, "yes", "no")
    table = data.replace(yes_or_no, "_label", words.tolist())
    two = baselines.fit_one("linear", table, data.FEATURES, SPEC).predict(table)[:, 1]
    binary = replace(SPEC, problem="binary")
    one = baselines.fit_one("linear", yes_or_no, data.FEATURES, binary).predict(yes_or_no)
    # Two weights that share the slope are penalised half as much.
    np.testing.assert_allclose(two, one, atol=0.02)


def _scores(rows: int = 600) -> tuple[Floats, Floats, Resampling]:
    rng = np.random.default_rng(1)
    label = rng.integers(0, 3, rows).astype(np.float64)
    raw = rng.random((rows, 3)) + 0.4 * (label[:, None] == np.arange(3))
    days = np.sort(rng.integers(0, 30, rows))
    _, clusters = np.unique(days, return_inverse=True)
    return label, raw / raw.sum(axis=1, keepdims=True), Resampling(clusters, 200, 0)


def test_metrics_are_those_of_scikit_learn() -> None:
    from sklearn import metrics as known

    label, score, _ = _scores()
    found = metrics.measure("multiclass", label, score)
    assert found["log_loss"] == pytest.approx(known.log_loss(label, score))
    assert found["accuracy"] == pytest.approx(known.accuracy_score(label, score.argmax(axis=1)))
    auc = known.roc_auc_score(label, score, multi_class="ovr", average="macro")
    assert found["macro_auc"] == pytest.approx(auc)
    f1 = known.f1_score(label, score.argmax(axis=1), average="macro")
    assert found["macro_f1"] == pytest.approx(f1)


def test_intervals_hold_their_values() -> None:
    label, score, sampling = _scores()
    for name, found in bootstrap.estimate("multiclass", label, score, sampling).items():
        assert found.low < found.value < found.high, name


def test_the_brier_of_two_classes_is_twice_the_binary_one() -> None:
    label, p = np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.7, 0.4])
    both = np.column_stack([1 - p, p])
    np.testing.assert_allclose(multiclass.squared_errors(label, both), 2 * (p - label) ** 2)
    np.testing.assert_allclose(multiclass.log_losses(label, both), metrics.log_losses(label, p))


@pytest.mark.slow
def test_fit_chooses_among_candidates_and_the_evaluation_tells_of_each_class(
    tmp_path: Path,
) -> None:
    table = three()
    storage = f"sqlite:///{tmp_path / 'study.sqlite'}"
    fitted = fit(table, data.FEATURES, SPEC, WINDOWS, storage, "study", lambda *_: None)
    assert set(fitted.losses) == {"lightgbm", "linear", "rate"}
    test = table.filter(np.array(table["_partition"].to_pylist()) == "2013-04")
    looks = EvaluationSpec(slices=("carrier",), resamples=50)
    found = evaluate(fitted.model, fitted.baselines, test, SPEC, looks)
    assert [each.name for each in found.classes] == list(CLASSES)
    assert sum(map(sum, found.confusion)) == test.num_rows
    assert [sum(row) for row in found.confusion] == [each.rows for each in found.classes]
    model, constant = found.candidates[0], found.candidates[1]
    assert model.metrics["log_loss"].value < constant.metrics["log_loss"].value
    assert all(each.observed_expected and each.calibration for each in found.classes)


def test_a_class_that_training_did_not_see_is_measured_and_told() -> None:
    table = three()
    model = train(table)
    labels = table["_label"].to_pylist()
    labels[:7] = ["cancelled"] * 7
    odd = data.replace(table, "_label", labels)
    found = evaluate(model, [], odd, SPEC, EvaluationSpec(resamples=50))
    assert [(each.name, each.rows) for each in found.unseen] == [("cancelled", 7)]
    assert found.rows == table.num_rows
    lost = 7 * 36 / table.num_rows
    assert found.candidates[0].metrics["log_loss"].value > lost


def test_out_of_fold_has_a_column_for_a_class_that_some_fold_lacks() -> None:
    table = three()
    labels = table["_label"].to_pylist()
    labels[0] = "cancelled"
    scores = out_of_fold(data.replace(table, "_label", labels), train)
    assert scores.shape == (table.num_rows, 4)
    np.testing.assert_allclose(scores.sum(axis=1), 1)


def test_labels_that_are_no_class_and_too_many_classes_are_refused() -> None:
    table = three(200)
    with pytest.raises(DataError, match="none of the classes early, late: on time"):
        codes(table, ("early", "late"))
    many = data.replace(table, "_label", [f"c{i}" for i in range(200)])
    with pytest.raises(DataError, match="200 classes, more than 50"):
        classes_of(many)
    one = data.replace(table, "_label", ["late"] * 200)
    with pytest.raises(DataError, match=r"Only one class .* 'late'"):
        train(one)


def test_answers_are_put_on_other_classes() -> None:
    score = np.array([[0.25, 0.75]])
    np.testing.assert_array_equal(aligned(score, ("b", "d"), ("a", "b", "d")), [[0, 0.25, 0.75]])
    assert aligned(score, ("b", "d"), ("b", "d")) is score


def test_walking_forward_measures_every_candidate(tmp_path: Path) -> None:
    split = SplitSpec(test=1, tune=1, walk_forward_from="2013-04")
    spec = replace(SPEC, split=split, tuning=TuningSpec(walk_forward_trials=1))
    storage = f"sqlite:///{tmp_path / 'study.sqlite'}"
    told: list[str] = []
    found = walk(three(), data.FEATURES, spec, storage=storage, study="walk", progress=told.append)
    (step,) = found.steps
    assert set(step.metrics["tuned"]) == {"log_loss", "accuracy", "macro_auc", "macro_f1"}
    assert step.metrics["tuned"]["log_loss"] < step.metrics["constant"]["log_loss"]
