from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets.loop.paired import Comparison
from ml_assets.loop.sanity import CORRELATION, correlation, sanity

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats

ROWS = 5000


def window(problem: str = "binary", seed: int = 0) -> Comparison:
    """A world that moved: the challenger promises 18 % and 22 % happen."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(2, 7, ROWS)
    label = (rng.random(ROWS) < truth).astype(float)
    if problem == "regression":
        label = 30 * truth + rng.normal(0, 5, ROWS)
        truth = 30 * truth
    return Comparison(
        problem=problem,
        label=label,
        champion=truth,
        challenger=0.8 * truth,
        clusters=np.arange(ROWS) % 30,
    )


def refitted(seen: Comparison, seed: int = 1) -> Floats:
    """Answers of a model that has seen the rows."""
    noise = np.random.default_rng(seed).normal(0, 0.01, ROWS)
    own: Floats = 0.85 * seen.champion + 0.15 * seen.label + noise
    return own.clip(1e-3, 1 - 1e-3) if seen.problem == "binary" else own


def failed(seen: Comparison, answers: Floats) -> set[str]:
    return {one.name for one in sanity(seen, answers) if not one.passed}


@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_a_refit_that_moved_towards_what_happened_is_within_the_band(problem: str) -> None:
    seen = window(problem)
    answers = refitted(seen)
    if problem == "binary":
        assert answers.mean() > 1.1 * seen.challenger.mean()
    assert failed(seen, answers) == set()


@pytest.mark.parametrize("problem", ["binary", "regression"])
@pytest.mark.parametrize("factor", [0.6, 1.4])
def test_a_mean_beyond_both_is_outside(problem: str, factor: float) -> None:
    seen = window(problem)
    assert "refit's mean" in failed(seen, (factor * refitted(seen)).clip(0.001, None))


def test_a_loss_worse_than_out_of_sample_is_outside() -> None:
    seen = window()
    constant = np.full(ROWS, seen.label.mean())
    assert "refit's loss" in failed(seen, 0.9 * constant + 0.1 * (1 - seen.label))


def test_answers_to_other_rows_are_outside() -> None:
    seen = window()
    shuffled = np.random.default_rng(3).permutation(refitted(seen))
    assert failed(seen, shuffled) == {"refit's answers", "refit's loss"}


def test_every_sentence_has_its_numbers() -> None:
    seen = window()
    for one in sanity(seen, refitted(seen)):
        assert one.numbers
        assert one.sentence.endswith(".")
        assert all(np.isfinite(list(one.numbers.values())))


def test_constant_answers_correlate_with_their_like_only() -> None:
    still, moving = np.full(4, 0.2), np.array([0.1, 0.2, 0.3, 0.4])
    assert correlation(still, still + 0.1) == 1.0
    assert correlation(still, moving) == correlation(moving, still) == 0.0
    assert correlation(moving, 2 * moving) == pytest.approx(1.0)
    assert failed(replace(window(), challenger=np.full(ROWS, 0.2)), np.full(ROWS, 0.21)) <= {
        "refit's loss"
    }
    assert CORRELATION < 1
