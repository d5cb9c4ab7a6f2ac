"""Several classes judged together: the rate is kept, and a class that goes wrong is found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from ml_assets.monitors.binning import number_bins
from ml_assets.monitors.days import SCORE, score_of
from ml_assets.monitors.drift import drift
from ml_assets.monitors.drift_limits import drift_limits
from ml_assets.monitors.findings import Terms
from ml_assets.monitors.joint import judge_classes, watch_classes
from ml_assets.monitors.reference import Reference
from ml_assets.monitors.statistics import statistics

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats
    from ml_assets.monitors.days import Days

CLASSES = ("a", "b", "c")
TERMS = Terms(problem="multiclass", rate=0.1, seed=0)
ROWS = 150


def days_of(
    seed: int, days: int, start: str = "2013-01-01", wrong: float = 0.0, unknown: int = 0
) -> Days:
    """A calibrated model of three classes; `wrong` moves what happens from a to b."""
    rng = np.random.default_rng(seed)
    count = days * ROWS
    score: Floats = rng.dirichlet((2.0, 3.0, 4.0), count)
    truth = score + wrong * np.array([-1.0, 1.0, 0.0]) * score[:, :1]
    label = (rng.random((count, 1)) > truth.cumsum(axis=1)).sum(axis=1).clip(max=2).astype(float)
    dates = np.datetime64(start) + np.repeat(np.arange(days), ROWS)
    classes: tuple[str, ...] = CLASSES
    if unknown:
        classes = (*CLASSES, "d")
        score = np.column_stack([score, np.zeros(count)])
        label[:unknown] = 3
    x = pa.table({"x": rng.normal(size=count)})
    even = number_bins(np.linspace(0, 1, 1000))
    bins = {"x": number_bins(np.linspace(-2, 2, 1000)), SCORE: even}
    bins |= {score_of(name): even for name in CLASSES}
    return statistics("multiclass", dates, score, label, x, bins, classes=classes)


def test_the_sums_of_a_class_are_those_of_yes_or_no() -> None:
    days = days_of(0, 20)
    own = days.of_class("b")
    assert own.labelled_label.sum() == days.classes["b"][:, 0].sum()
    sums = sum(days.of_class(name).labelled_label for name in CLASSES)
    np.testing.assert_array_equal(sums, days.labelled)
    scores = sum(days.of_class(name).labelled_score for name in CLASSES)
    np.testing.assert_allclose(scores, days.labelled)


def test_the_expected_loss_of_a_calibrated_model_is_what_it_loses() -> None:
    days = days_of(1, 60)
    lost = days.labelled_loss.sum() / days.labelled.sum()
    assert abs(days.expected_loss.sum() / days.rows.sum() - lost) < 0.02


@pytest.mark.slow
def test_together_the_classes_keep_the_false_alarm_rate() -> None:
    alarms = 0
    for seed in range(60):
        reference, window = days_of(2 * seed, 56), days_of(2 * seed + 1, 28, "2013-03-01")
        found = judge_classes(reference, window, "March", TERMS)
        assert {*found.each} == {*CLASSES}
        alarms += found.verdict == "alarm"
    # A rate of .1: 13 or more of 60 have a chance below 1 %.
    assert alarms <= 12


@pytest.mark.slow
def test_a_class_that_happens_less_often_than_promised_alarms() -> None:
    reference, window = days_of(3, 56), days_of(4, 28, "2013-03-01", wrong=0.4)
    band = judge_classes(reference, window, "March", TERMS)
    assert band.verdict == "alarm"
    assert band.each["a"].verdict == "alarm"
    assert band.each["c"].verdict == "ok"
    since = np.datetime64("2013-03-01")
    cusum = watch_classes(reference, window, since, "multiclass", alarms_per_year=1.0, seed=0)
    assert cusum.verdict == "alarm"
    assert cusum.each["a"].alarms
    assert "of the other classes" in cusum.reason


def test_rows_of_an_unknown_class_are_counted_and_told() -> None:
    reference, window = days_of(5, 56), days_of(6, 28, "2013-03-01", unknown=40)
    found = judge_classes(reference, window, "March", TERMS)
    assert found.unseen == 40
    assert "40 rows are of classes that training did not see" in found.reason
    assert window.labelled_loss.sum() > 40 * 36


def test_without_classes_the_reason_is_the_models_own() -> None:
    reference = days_of(7, 56).of_class("a")
    window = days_of(8, 28, "2013-03-01").of_class("a")
    terms = Terms(problem="binary", rate=0.1, seed=0)
    found = judge_classes(reference, window, "March", terms)
    assert found.reason == found.first.reason
    assert found.reason.startswith("calibration: observed / expected")


def test_drift_of_one_class_is_prediction_drift() -> None:
    reference, window = days_of(9, 56), days_of(10, 28, "2013-03-01")
    limits = drift_limits(reference, window, 0.1, 200, 0)
    assert {*limits.scores} == {SCORE, *map(score_of, CLASSES)}
    assert {*limits.features} == {"x"}
    moved = window.histograms[score_of("a")][:, ::-1]
    histograms = {**window.histograms, score_of("a"): moved}
    found = drift(reference, replace(window, histograms=histograms), {"x": 1.0}, limits)
    assert found.score_alarm
    assert "score of a: probabilities beyond" in found.score_reason
    assert not drift(reference, window, {"x": 1.0}, limits).alarm


def test_a_reference_keeps_the_sums_of_each_class() -> None:
    days = days_of(11, 20)
    kept = Reference(days, {"x": number_bins(np.arange(9.0))}, {"x": 1.0})
    back = Reference.from_json(kept.to_json()).days
    assert [*back.classes] == [*CLASSES]
    for name, sums in days.classes.items():
        np.testing.assert_array_equal(back.classes[name], sums)
