from __future__ import annotations

from dataclasses import replace as changed
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ml_assets.errors import DataError
from ml_assets.ml.candidates import Candidates
from ml_assets.ml.declared import BLOCKS, DeclaredMetric
from ml_assets.ml.evaluate import evaluate
from ml_assets.ml.results import MetricFacts
from ml_assets.ml.spec import EvaluationSpec, MetricSpec
from ml_assets.ml.training_table import labels
from ml_assets.reports.report import render
from ml_assets.reports.winners import duels
from ml_assets_tests.ml.data import model_spec, replace, training_table
from ml_assets_tests.ml.test_boost import trained
from ml_assets_tests.ml.test_multiclass import SPEC, three
from ml_assets_tests.reports.samples import context

if TYPE_CHECKING:
    import numpy.typing as npt

    from ml_assets.ml.training_table import Floats, Ints

    Texts = npt.NDArray[np.object_]


def daily_mean(score: Floats, day: Ints) -> float:
    return float(np.mean([score[day == number].mean() for number in np.unique(day)]))


def late_flights(label: Floats, flight: Ints) -> float:
    return float((label * flight).sum() / label.sum())


MEAN = DeclaredMetric("daily_mean", "Mean of daily means.", True, daily_mean, ("score", "day"))
LATE = DeclaredMetric("late_flights", "", False, late_flights, ("label", "flight"))


def days(counts: list[int]) -> pa.Table:
    """Return a table with so many rows on each day."""
    day = np.repeat(np.arange(len(counts)), counts)
    return pa.table({"_cluster": day, "_label": np.zeros(len(day))})


@given(st.lists(st.integers(1, 5), min_size=2, max_size=BLOCKS), st.integers(0, 9))
def test_the_interval_of_a_mean_over_days_is_the_textbook_one(counts: list[int], seed: int) -> None:
    from scipy.stats import t

    table = days(counts)
    score = np.random.default_rng(seed).normal(size=table.num_rows)
    day = table["_cluster"].to_numpy()
    means = np.array([score[day == number].mean() for number in range(len(counts))])
    error = means.std(ddof=1) / np.sqrt(len(counts))
    found = MEAN.measure(table, labels(table), score).estimate
    assert found.value == pytest.approx(means.mean())
    assert (found.high - found.low) / 2 == pytest.approx(t.ppf(0.975, len(counts) - 1) * error)


def test_many_days_are_left_out_in_blocks() -> None:
    calls = []

    def counting(day: Ints) -> float:
        calls.append(len(np.unique(day)))
        return 1.0

    table = days([2] * 365)
    metric = DeclaredMetric("counting", "", False, counting, ("day",))
    found = metric.measure(table, labels(table), np.zeros(table.num_rows)).estimate
    assert (found.low, found.high) == (1, 1)
    assert len(calls) == BLOCKS + 1
    assert calls[0] == 365
    assert set(calls[1:]) == {365 - 6, 365 - 7}
    assert sum(365 - left for left in calls[1:]) == 365


def test_every_candidate_has_the_pipelines_own_metrics() -> None:
    from ml_assets.ml.baselines import Constant

    table, spec = training_table(1000, seed=1), model_spec()
    base = Constant.fit(table, "binary")
    found = evaluate(
        trained(), [base], table, spec, EvaluationSpec(resamples=50), declared=[MEAN, LATE]
    )
    model, constant = found.candidates
    label = labels(table)
    assert constant.metrics["daily_mean"].value == pytest.approx(base.value)
    assert model.metrics["late_flights"].value == pytest.approx(
        late_flights(label, table["flight"].to_numpy())
    )
    assert found.declared == {
        "daily_mean": MetricFacts("Mean of daily means.", smaller_is_better=True),
        "late_flights": MetricFacts("", smaller_is_better=False),
    }
    assert LATE.columns == ("flight",)


def test_of_several_classes_labels_are_texts_and_the_classes_have_names() -> None:
    given = []

    def right(label: Texts, score: Floats, classes: tuple[str, ...]) -> float:
        given.append((label, score.shape, classes))
        names = np.array(classes, object)
        return float((names[score.argmax(axis=1)] == label).mean())

    table = three(600)
    rate = Candidates(("carrier",), SPEC).train("rate", table)
    metric = DeclaredMetric("right", "", False, right, ("label", "score", "classes"))
    odd = replace(table, "_label", ["cancelled", *table["_label"].to_pylist()[1:]])
    found = evaluate(rate, [], odd, SPEC, EvaluationSpec(resamples=50), declared=[metric])
    (model,) = found.candidates
    assert model.metrics["right"].value == model.metrics["accuracy"].value
    label, shape, classes = given[0]
    assert label.tolist() == odd["_label"].to_pylist()
    assert (shape, classes) == ((600, 4), ("cancelled", "early", "late", "on time"))
    assert {one[2] for one in given} == {classes}
    assert metric.columns == ()


def test_a_rival_is_compared_day_by_day() -> None:
    """Days differ by far more than the two do: only the paired interval shows who is better."""
    from ml_assets.ml.baselines import Constant

    rng = np.random.default_rng(3)
    table = days([20] * 30)
    level, noise = np.repeat(rng.normal(0, 1, 30), 20), rng.normal(0, 0.01, 600)
    own, other = (MEAN.measure(table, np.zeros(600), level + add) for add in (0.0, 0.1 + noise))
    paired = other.minus(own).estimate
    assert paired.value == pytest.approx(0.1, abs=0.01)
    assert 0 < paired.low < 0.1 < paired.high
    assert other.estimate.low < own.estimate.high

    table, spec = training_table(1000, seed=1), model_spec()
    evaluation = EvaluationSpec(resamples=50)
    base = Constant.fit(table, "binary")
    found = evaluate(trained(), [base], table, spec, evaluation, declared=[MEAN, LATE])
    (duel,) = duels(found)
    model, constant = found.candidates
    for name in ("daily_mean", "late_flights"):
        between = duel.differences[name].estimate
        values = constant.metrics[name].value - model.metrics[name].value
        assert between.value == pytest.approx(values)
    # It does not depend on the score, so that nobody can win on it.
    assert duel.differences["late_flights"].winner is None


def test_a_part_of_the_rows_has_it_where_it_is_defined() -> None:
    from ml_assets.ml.baselines import Constant

    def share_of_one(label: Floats, carrier: object) -> float:
        own = np.asarray(carrier) == "C1"
        return float(label[own].sum() / own.sum())

    share = DeclaredMetric("one", "", False, share_of_one, ("label", "carrier"))
    table = training_table(1000, seed=1)
    evaluation = EvaluationSpec(slices=("carrier",), resamples=50, minimum_support=50)
    base = Constant.fit(table, "binary")
    found = evaluate(trained(), [base], table, model_spec(), evaluation, declared=[MEAN, share])
    parts = {one.value: one.metrics for one in found.by_slice if one.metrics}
    assert len(parts) > 1
    for carrier, measured in parts.items():
        inside = np.array(table["carrier"].to_pylist()) == carrier
        assert measured["baseline_daily_mean"].value == pytest.approx(base.value)
        assert ("one" in measured) == ("baseline_one" in measured) == (carrier == "C1")
        if carrier == "C1":
            assert measured["one"].value == pytest.approx(labels(table)[inside].mean())
    page = render(found, context())
    for section in ("candidates", "winners", "time", "slices"):
        shown = page.split(f'id="{section}"')[1].split("</table>")[0]
        assert "Daily mean</th>" in shown, section


@pytest.mark.parametrize(
    ("value", "words"),
    [("nan", "The metric daily_mean is nan on 4 rows"), ("x", "daily_mean failed: ValueError")],
)
def test_a_metric_without_a_number_is_named(value: str, words: str) -> None:
    broken = changed(MEAN, call=lambda score, day: float(value))
    with pytest.raises(DataError, match=words):
        broken.measure(days([2, 2]), np.zeros(4), np.zeros(4))


def test_one_day_gives_no_interval() -> None:
    with pytest.raises(DataError, match="at least two days"):
        MEAN.measure(days([3]), np.zeros(3), np.zeros(3))


def test_a_metric_is_declared_in_one_word() -> None:
    declared = ["own.py:cost", {"function": "a.py:b", "smaller_is_better": True}]
    spec = TypeAdapter(EvaluationSpec).validate_python({"metrics": declared})
    assert spec.metrics == (
        MetricSpec(function="own.py:cost"),
        MetricSpec(function="a.py:b", smaller_is_better=True),
    )
