"""kill -9 of the promotion, from the look through the refit to the last alias."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets.registry.versions import CHALLENGER, CHAMPION, PREVIOUS
from ml_assets_tests.assets.contenders import (
    aliases_of,
    ledger_of,
    let_slow,
    register_like,
    weaken,
)
from ml_assets_tests.slow.sampled import KILLS
from ml_assets_tests.slow.victim import killed

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets_tests.finished import Finished
    from ml_assets_tests.slow.victim import Victim

JOB = "flights_pipeline"


@pytest.mark.slow
def test_after_every_kill_the_next_evaluation_brings_the_refit_live(
    mine: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine.box.declare(let_slow)
    weaken(mine)
    register_like(mine)
    with closing(killed(mine, tmp_path, monkeypatch, promote, seed=3)) as copies:
        assert_live(next(copies))
        for twin in islice(copies, KILLS):
            assert aliases_of(twin)[CHAMPION] in {2, *refits(twin)}
            assert not twin.run("promotion")
            assert_live(twin)


def promote(victim: Victim, mine: Finished) -> None:
    """Let the victim look at the newest version and promote its refit."""
    victim.work(mine, JOB, ("promotion",), dg.RunRequest())


def assert_live(mine: Finished) -> None:
    """Assert that a refit of version 3 is live, once, and that aliases and ledger say the same."""
    # One killed after it was registered stays without an alias; the next one goes live.
    newest = refits(mine)[-1]
    assert aliases_of(mine) == {CHAMPION: newest, PREVIOUS: 2}
    rows = [one for one in ledger_of(mine) if one.promoted]
    assert [(one.from_version, one.to_version) for one in rows] == [(None, 1), (1, 2), (2, newest)]
    assert rows[-1].decided_by == "gate"
    assert CHALLENGER not in aliases_of(mine)


def refits(mine: Finished) -> list[int]:
    """Return the versions that are version 3 fitted again on all data."""
    return [one.version for one in mine.versions() if one.refit_of == 3]
