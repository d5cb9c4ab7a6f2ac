from __future__ import annotations

from dataclasses import replace

import pytest

from ml_assets.ml.results import Estimate, Evaluation
from ml_assets.reports.finding import Verdict, finding

from .samples import around, binary, regression, with_gain


def test_the_model_wins_over_all() -> None:
    found = finding(binary())
    assert found.verdict is Verdict.MODEL
    assert found.headline == "The model beats all three baselines; the best of them is linear."
    assert found.support == (
        "Its log loss is 0.443 against 0.461 of linear, 4.0 % lower. Paired on the same rows, its "
        "mean loss is lower by 0.0185 (95 % interval 0.0156 to 0.0214, zero excluded)."
    )


def test_a_baseline_wins() -> None:
    found = finding(with_gain(binary(), around(-0.01, 0.004)))
    assert found.verdict is Verdict.BASELINE
    assert found.headline == "A baseline, linear, beats the model."
    assert "the mean loss of linear is lower by 0.0100" in found.support
    assert "0.0060 to 0.0140, zero excluded" in found.support


@pytest.mark.parametrize(("gain", "word"), [(0.0004, "lower"), (-0.0004, "higher")])
def test_a_difference_that_may_be_zero_is_no_win(gain: float, word: str) -> None:
    found = finding(with_gain(binary(), around(gain, 0.002)))
    assert found.verdict is Verdict.UNDECIDED
    assert found.headline.startswith("No clear difference")
    assert f"is {word} by 0.00040" in found.support
    assert "includes zero" in found.support


@pytest.mark.parametrize("gain", [Estimate(0.002, 0.0, 0.004), Estimate(-0.002, -0.004, 0.0)])
def test_an_interval_that_ends_at_zero_is_no_win(gain: Estimate) -> None:
    assert finding(with_gain(binary(), gain)).verdict is Verdict.UNDECIDED


def test_without_a_paired_comparison_nobody_wins() -> None:
    found = finding(with_gain(binary(), None))
    assert found.verdict is Verdict.UNCOMPARED
    assert "not compared on the same rows" in found.headline


def test_without_baselines_nobody_wins() -> None:
    found = finding(replace(binary(), candidates=binary().candidates[:1]))
    assert found.verdict is Verdict.UNCOMPARED
    assert found.headline == "The model was not compared with any baseline."
    assert found.support == "Its log loss is 0.443 (95 % interval 0.429 to 0.457)."


def test_two_baselines_are_both_and_many_a_number() -> None:
    evaluation = binary()
    model, *others = evaluation.candidates
    two = finding(replace(evaluation, candidates=[model, *others[1:]]))
    assert two.headline == "The model beats both baselines; the best of them is linear."
    many = finding(replace(evaluation, candidates=[model, *others, *others, *others, *others]))
    assert many.headline == "The model beats all 12 baselines; the best of them is linear."


def test_winning_over_the_best_alone_does_not_claim_all() -> None:
    evaluation = binary()
    model, constant, *others = evaluation.candidates
    candidates = [model, replace(constant, gain=around(0.001, 0.01)), *others]
    found = finding(replace(evaluation, candidates=candidates))
    assert found.headline == "The model beats the best baseline, linear."


def test_the_rival_is_the_best_baseline_in_any_order() -> None:
    evaluation = binary()
    shuffled = [evaluation.candidates[0], *reversed(evaluation.candidates[1:])]
    assert finding(replace(evaluation, candidates=shuffled)) == finding(evaluation)


def test_regression_speaks_in_its_unit() -> None:
    found = finding(regression())
    assert found.verdict is Verdict.MODEL
    assert found.headline == "The model beats the best baseline, constant."
    assert "23.0 min against 26.0 min of constant, 11.5 % lower" in found.support
    assert "lower by 2.98 min" in found.support


def test_support_never_claims_a_lower_metric_that_is_higher() -> None:
    evaluation: Evaluation = binary()
    model = evaluation.candidates[0]
    worse = replace(model, metrics=model.metrics | {"log_loss": around(0.47, 0.01)})
    changed = replace(evaluation, candidates=[worse, *evaluation.candidates[1:]])
    assert "0.470 against 0.461 of linear, 1.9 % higher" in finding(changed).support
