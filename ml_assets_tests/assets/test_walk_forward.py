"""The walk-forward asset: means as numbers, months as a table, one search at a time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ml_assets.warehouse import turn
from ml_assets_tests.assets.running import dagsters_own_warnings, definitions, failed
from ml_assets_tests.sandbox import ignore_waiting

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished


def walk_forward(finished: Finished) -> dict[str, str]:
    """Run the job behind `ml-assets evaluate`; return what failed."""
    job = definitions(finished.box).resolve_job_def("flights_evaluate")
    with finished.instance() as instance, dagsters_own_warnings():
        return failed(job.execute_in_process(instance=instance, raise_on_error=False))


@pytest.mark.slow
def test_means_are_numbers_and_months_a_table(mine: Finished) -> None:
    assert not walk_forward(mine)
    about, tested = mine.latest("walk_forward"), mine.latest("evaluation")
    assert about["mean constant auc"] == 0.5
    assert isinstance(about["mean tuned auc"], float)
    # Baselines have no seed and the sample one test month, the same as the evaluation's.
    assert about["mean linear auc"] == tested["linear auc"]
    assert f"| 2013-03 | {tested['test_rows']:,} |" in about["table"]
    assert len(mine.mlflow_runs()) == 1


def test_it_does_not_take_over_what_another_one_still_searches(
    mine: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "LONGEST_TURN", 0.1)
    lock = mine.settings.data / "tuning" / "flights-walk.lock"
    with turn.file_turn(lock, "flights", "walking forward", ignore_waiting):
        message = walk_forward(mine)["walk_forward"]
    assert f"flights: process {os.getpid()} has been walking forward for 0 s." in message
