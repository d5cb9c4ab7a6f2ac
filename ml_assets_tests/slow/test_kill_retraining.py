"""kill -9 of the retraining that was decided, at moments spread over its life."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets import clock
from ml_assets.assets.attempts import ATTEMPT, attempts_of
from ml_assets.warehouse.appended import decisions, promotions
from ml_assets_tests.assets.contenders import let_slow, weaken
from ml_assets_tests.assets.test_decision import DECISION, say
from ml_assets_tests.automation.test_retraining import tick
from ml_assets_tests.slow.agreement import assert_live_as_written, assert_one_story
from ml_assets_tests.slow.sampled import KILLS
from ml_assets_tests.slow.victim import killed, run_job

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from ml_assets_tests.finished import Finished
    from ml_assets_tests.slow.victim import Victim

JOB = "flights_retraining"


def let_try(declared: dict[str, Any]) -> None:
    """Let an attempt follow a failed one after a minute."""
    let_slow(declared)
    declared["retraining"]["attempts"] = {"limit": 3, "backoff_minutes": 1}


@pytest.mark.slow
def test_after_every_kill_the_next_attempt_trains_and_all_books_agree(
    mine: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine.box.declare(let_try)
    weaken(mine)
    mine.unlearn("2013-02")
    say(mine, "performance", "calibration", "alarm", version=2)
    assert not mine.run(DECISION)
    with closing(killed(mine, tmp_path, monkeypatch, retrain, seed=5)) as copies:
        assert outcome_of(next(copies)) == [True]
        for twin in islice(copies, KILLS):
            goes_on(twin)


def goes_on(mine: Finished) -> None:
    """Evaluate, carry out what is decided, and evaluate once more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(clock.NOW, (datetime.now(UTC) + timedelta(minutes=2)).isoformat())
        # Settles what the kill left, and decides.
        assert not mine.run(DECISION)
        with mine.instance() as instance:
            first = attempts_of(instance, mine.box.pipeline)[0]
            assert first.status in {"failed", "succeeded"}
            request = tick(mine, instance)
            assert isinstance(request, dg.RunRequest) == (first.status == "failed")
            if isinstance(request, dg.RunRequest):
                assert request.tags[ATTEMPT] == "2"
                result = run_job(mine, instance, JOB, (), request)
                assert result.success
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(clock.NOW, (datetime.now(UTC) + timedelta(minutes=4)).isoformat())
        assert not mine.run(DECISION)
    with mine.box.lake() as con:
        last = decisions(con, "flights")[-1]
    assert (last.action, last.cause) == ("hold", None), last.reason
    assert outcome_of(mine).count(True) == 1
    assert_live_as_written(mine)
    assert_one_story(mine, evaluations=3)


def retrain(victim: Victim, mine: Finished) -> None:
    """Let the victim carry out what the sensor requests."""
    with mine.instance() as instance:
        request = tick(mine, instance)
    assert isinstance(request, dg.RunRequest)
    victim.work(mine, JOB, (), request)


def outcome_of(mine: Finished) -> list[bool]:
    """Return what the gate answered to the episode, look by look."""
    with mine.box.lake() as con:
        return [one.promoted for one in promotions(con, "flights") if one.episode is not None]
