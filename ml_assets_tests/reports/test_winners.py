"""Who wins is said by the paired interval, in the metric's own direction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ml_assets.reports.report import render
from ml_assets.reports.winners import duels
from ml_assets_tests.reports.samples import around, binary, context

if TYPE_CHECKING:
    from ml_assets.ml.results import Estimate, Evaluation


def compared(**differences: Estimate) -> Evaluation:
    """Return an evaluation whose best baseline differs by this from the model."""
    evaluation = binary()
    *others, best = evaluation.candidates
    return replace(evaluation, candidates=[*others, replace(best, differences=differences)])


def test_the_winner_is_named_where_zero_is_left_out() -> None:
    found = compared(
        auc=around(-0.03, 0.01), average_precision=around(-0.02, 0.03), log_loss=around(-0.1, 0.05)
    )
    (duel,) = duels(found)
    assert duel.rival == "linear"
    winners = {key: one.winner for key, one in duel.differences.items()}
    # A lower AUC is worse, a lower loss better; the primary metric stands first.
    assert list(winners.items()) == [
        ("log_loss", "linear"),
        ("auc", "lightgbm"),
        ("average_precision", None),
    ]


def test_the_report_shows_it_where_it_was_measured() -> None:
    page = render(compared(log_loss=around(-0.1, 0.05)), context())
    assert "Who wins on what" in page
    assert "Who wins on what" not in render(binary(), context())


def test_it_tells_the_losses_that_chose_the_model() -> None:
    about = context()
    chosen = replace(about, model=replace(about.model, losses={"lightgbm": 0.4, "linear": 0.5}))
    assert "lightgbm 0.4000, linear 0.5000" in render(binary(), chosen)
    assert "Chosen by the mean loss" not in render(binary(), about)
