"""kill -9 of scoring and monitoring, at moments spread over their life."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets.automation.reach import RANGE_END, RANGE_START
from ml_assets_tests.assets.contenders import weaken
from ml_assets_tests.assets.test_decision import LOOP
from ml_assets_tests.slow.agreement import assert_one_story, stored
from ml_assets_tests.slow.sampled import KILLS
from ml_assets_tests.slow.victim import killed

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets_tests.finished import Finished
    from ml_assets_tests.slow.agreement import State
    from ml_assets_tests.slow.victim import Victim

JOB = "flights_pipeline"
HALFWAY = max(1, KILLS // 4)
"""Kills that are to fall between two commits."""


@pytest.mark.slow
def test_after_every_kill_each_month_is_as_before_or_after_and_the_next_run_completes_it(
    mine: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not mine.run(*LOOP)
    # Another champion: who asks for scores by name has every month scored and judged anew.
    weaken(mine)
    before = stored(mine)
    with closing(killed(mine, tmp_path, monkeypatch, score, seed=7)) as copies:
        unhurt = next(copies)
        after = stored(unhurt)
        assert_one_story(unhurt, evaluations=0)
        hit, halfway = 0, 0
        for twin in copies:
            hit, halfway = hit + 1, halfway + completes(twin, before, after)
            if hit >= KILLS and halfway >= HALFWAY:
                break
    assert halfway >= HALFWAY, f"only {halfway} of {hit} kills fell between two commits of a run"


def score(victim: Victim, mine: Finished) -> None:
    """Let the victim score and judge every month anew."""
    victim.work(mine, JOB, LOOP, every_month(mine))


def completes(mine: Finished, before: State, after: State) -> bool:
    """Run it again; return whether the kill had left something old and something new."""
    between = stored(mine)
    for name, digest in between.items():
        assert digest in {before.get(name), after[name]}, f"{name} is neither old nor new"
    assert not mine.run(*LOOP)
    assert stored(mine) == after
    assert_one_story(mine, evaluations=0)
    return between not in (before, after)


def every_month(mine: Finished) -> dg.RunRequest:
    """Return the request of a run over all partitions that redoes what is up to date."""
    keys = mine.box.pipeline.partitions.keys()
    return dg.RunRequest(tags={RANGE_START: keys[0], RANGE_END: keys[-1]})
