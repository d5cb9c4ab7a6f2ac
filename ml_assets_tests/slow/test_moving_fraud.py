"""Fraud moves while its labels come a week late: the loop learns of it, retrains and goes live."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ml_assets.replay.replay import replay
from ml_assets.replay.root import Root
from ml_assets_tests.assets.running import dagsters_own_warnings
from ml_assets_tests.payments import write_payments

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.warehouse.settings import Settings

CHANGE = "2018-08-01"
LABEL_DELAY = timedelta(days=7)
WORLD = {"customers": 1_000, "terminals": 2_000}


def by_weeks(declared: dict[str, Any]) -> None:
    """Refresh once a week: seven times fewer ticks to live through."""
    declared["partitions"] = {"every": "week", "start": "2018-04-02", "end": "2018-09-24"}
    declared["model"]["split"] = {"test": 4, "tune": 2, "walk_forward_from": "2018-07-30"}


@pytest.mark.longest
def test_terminals_that_are_compromised_more_often_are_noticed_and_learnt(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    change = {"since": CHANGE, "terminals_a_day": 6}
    box = write_payments(tmp_path / "box", {**WORLD, "change": change}, end=None)
    box.declare(by_weeks)
    told: list[str] = []
    with dagsters_own_warnings():
        periods = replay(
            box.pipeline, "2018-07-30", "2018-08-20", Root(tmp_path / "replayed"), told.append
        )
    decided = {period.partition: period.decision for period in periods}
    # A week of labels is known two weeks after it began.
    assert [decided[week] for week in ("2018-07-30", "2018-08-06")] == ["hold", "hold"]
    asked = next(line for line in told if "retrain: Calibration alarm" in line)
    assert "under-predicts" in asked
    assert datetime.fromisoformat(asked[:16]) - datetime.fromisoformat(CHANGE) > LABEL_DELAY
    assert any("goes live" in line and ": better." in line for line in told)
    assert [period.partition for period in periods if period.promoted] == ["2018-08-13"]
    assert periods[0].version != periods[-1].version
