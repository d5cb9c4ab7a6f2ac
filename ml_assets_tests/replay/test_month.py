"""Between two refreshes: the calendar's turn comes, and a failed run's second attempt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ml_assets.assets import model, train
from ml_assets.errors import DataError
from ml_assets.loop.policy import Policy, TriggerSpec
from ml_assets.replay.replay import replay
from ml_assets.replay.root import Root, inside
from ml_assets.warehouse.appended import decisions
from ml_assets.warehouse.lake import connect
from ml_assets_tests.assets.running import dagsters_own_warnings
from ml_assets_tests.replay.turning import write_turning

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from ml_assets.assets.train import Trained
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings


def aging(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline with a policy that retrains after 40 days, and for no other cause."""
    policy = Policy(trigger=TriggerSpec(calibration=None, performance=None, max_age_days=40))
    changed = pipeline.declaration.model_copy(update={"retraining": policy})
    return replace(pipeline, declaration=changed)


@pytest.mark.slow
def test_time_alone_brings_a_retraining_and_its_second_attempt(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pipeline, root, told = aging(write_turning(tmp_path)), Root(tmp_path / "replay"), list[str]()
    calls: list[bool] = []

    def fail_once(*arguments: Any, challenges: bool) -> Trained:  # noqa: ANN401
        calls.append(challenges)
        if len(calls) == 2:
            raise DataError("The disk of the trainer was full.", "Try again.")
        return train.train(*arguments, challenges=challenges)

    monkeypatch.setattr(model, "train", fail_once)
    with dagsters_own_warnings():
        april, may = replay(pipeline, "2024-04", "2024-05", root, told.append)
    assert calls == [False, True, True]
    # Forty days after 1 April, at the daily decision of 06:30 in Berlin; the sensor looks a minute
    # later, and again after the 15 minutes of back-off.
    assert [line[:20] for line in told if "retrains" in line] == [
        "2024-05-11 04:31 UTC",
        "2024-05-11 04:47 UTC",
    ]
    assert any("The disk of the trainer was full" in line for line in told)
    assert (april.decision, may.decision) == ("retrain", "hold")
    assert "40 days old" in april.reason
    with inside(root) as own, connect("shop", own, read_only=True) as con:
        rows = [row for row in decisions(con, "shop") if row.action == "retrain"]
    assert len(rows) == 1
