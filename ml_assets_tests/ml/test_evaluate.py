from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml_assets.errors import DataError, DeclarationError
from ml_assets.ml import baselines, metrics
from ml_assets.ml.evaluate import evaluate
from ml_assets.ml.spec import EvaluationSpec
from ml_assets.ml.training_table import labels
from ml_assets_tests.ml.data import FEATURES, model_spec, replace, training_table
from ml_assets_tests.ml.test_boost import trained

if TYPE_CHECKING:
    from ml_assets.ml.results import Evaluation

SPEC = EvaluationSpec(slices=("carrier", "hour"), minimum_support=150, resamples=200)


def evaluated(problem: str = "binary", **settings: Any) -> Evaluation:  # noqa: ANN401
    table, spec = training_table(problem=problem), model_spec(problem=problem)
    return evaluate(
        trained(problem=problem),
        baselines.fit(table, FEATURES, spec),
        training_table(3000, problem, seed=1),
        spec,
        EvaluationSpec(**(asdict(SPEC) | settings)),
        unit="minutes",
    )


@pytest.fixture(scope="module")
def binary() -> Evaluation:
    return evaluated()


def numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [n for part in value.values() for n in numbers(part)]
    if isinstance(value, list | tuple):
        return [n for part in value for n in numbers(part)]
    return [float(value)] if isinstance(value, int | float) else []


@pytest.mark.slow
@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_every_number_is_a_plain_finite_number(problem: str) -> None:
    found = numbers(asdict(evaluated(problem)))
    assert len(found) > 100
    assert all(math.isfinite(number) for number in found)


def test_the_model_comes_first_then_the_baselines_worst_first(binary: Evaluation) -> None:
    names = [candidate.name for candidate in binary.candidates]
    assert names == ["lightgbm", "constant", "rate", "linear"]
    loss = [candidate.metrics["log_loss"].value for candidate in binary.candidates[1:]]
    assert loss == sorted(loss, reverse=True)


def test_a_gain_is_the_difference_of_the_mean_losses(binary: Evaluation) -> None:
    model, *others = binary.candidates
    assert model.gain is None
    for other in others:
        assert other.gain is not None
        wanted = other.metrics["log_loss"].value - model.metrics["log_loss"].value
        assert other.gain.value == pytest.approx(wanted)
        assert other.gain.low <= other.gain.value <= other.gain.high


def test_metrics_are_the_exact_ones(binary: Evaluation) -> None:
    table = training_table(3000, seed=1)
    exact = metrics.measure("binary", labels(table), trained().predict(table))
    found = binary.candidates[0].metrics
    assert {name: found[name].value for name in exact} == exact
    assert found["observed_expected"].value == pytest.approx(1, abs=0.2)
    assert (binary.rows, binary.clusters, binary.positives) == (3000, 120, labels(table).sum())
    assert (binary.test_start, binary.test_end) == ("2013-01-01", "2013-04-30")
    assert (binary.primary, binary.unit) == ("log_loss", "minutes")


def test_parts_add_up_and_small_ones_say_nothing(binary: Evaluation) -> None:
    assert [part.value for part in binary.by_partition] == [f"2013-0{m}" for m in range(1, 5)]
    assert sum(part.rows for part in binary.by_partition) == 3000
    assert sum(part.positives or 0 for part in binary.by_partition) == binary.positives
    carriers = [part for part in binary.by_slice if part.dimension == "carrier"]
    assert {part.value for part in carriers} == {f"C{n}" for n in range(6)} | {"(missing)"}
    assert [part.rows for part in carriers] == sorted((p.rows for p in carriers), reverse=True)
    for part in binary.by_slice + binary.by_partition:
        assert (part.metrics is None) == (part.rows < SPEC.minimum_support)
    assert any(part.metrics is None for part in binary.by_slice)


def test_a_part_compares_the_model_with_the_best_baseline(binary: Evaluation) -> None:
    part = binary.by_partition[0]
    assert part.metrics is not None
    gain = part.metrics["baseline_log_loss"].value - part.metrics["log_loss"].value
    assert part.metrics["gain"].value == pytest.approx(gain)


def test_a_part_of_one_class_or_few_days_says_nothing() -> None:
    table, spec = training_table(), model_spec()
    late = replace(table, "flight", (labels(table) + 10).astype(int))
    quick = replace(late, "hour", np.where(np.arange(table.num_rows) < 60, 0, 1))
    found = evaluate(
        trained(), [], quick, spec, EvaluationSpec(slices=("flight", "hour"), minimum_support=1)
    )
    measured = {(part.dimension, part.value): part.metrics for part in found.by_slice}
    assert measured["flight", "10"] is measured["flight", "11"] is measured["hour", "0"] is None
    assert measured["hour", "1"] is not None


def test_without_baselines_the_model_stands_alone() -> None:
    table = training_table(1000, seed=1)
    found = evaluate(trained(), [], table, model_spec(), EvaluationSpec(resamples=50))
    assert [candidate.name for candidate in found.candidates] == ["lightgbm"]
    assert list(found.roc) == ["lightgbm"]
    assert found.by_partition[0].metrics is None or "gain" not in found.by_partition[0].metrics


def test_curves_and_calibration_belong_to_binary(binary: Evaluation) -> None:
    assert list(binary.roc) == list(binary.precision_recall) == ["lightgbm", "linear"]
    assert binary.calibration
    regression = evaluated("regression")
    assert regression.roc == regression.precision_recall == {}
    assert regression.calibration == []
    assert regression.positives is None
    assert regression.primary == "mae"
    assert regression.candidates[0].metrics.keys() == {"mae", "rmse"}


@pytest.mark.slow
def test_the_same_rows_give_the_same_evaluation(binary: Evaluation) -> None:
    assert evaluated() == binary


def test_an_unknown_slice_is_named() -> None:
    with pytest.raises(
        DeclarationError, match=r"evaluation\.slices names tail, which the training"
    ):
        evaluated(slices=("tail",))


def test_a_test_window_of_one_class_says_so() -> None:
    table = replace(training_table(500), "_label", np.zeros(500))
    with pytest.raises(DataError, match="Only one class in the measured rows: all 500"):
        evaluate(trained(), [], table, model_spec(), EvaluationSpec())
