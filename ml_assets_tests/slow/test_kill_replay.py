"""kill -9 of a replay at random moments: resumed, it tells the story that nobody disturbed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from ml_assets_tests.automation.sandbox import make_sandbox
from ml_assets_tests.finished import declare_small
from ml_assets_tests.sample import write_sample
from ml_assets_tests.slow.sampled import KILLS, moments

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets_tests.automation.sandbox import Sandbox

COMMAND = ("-m", "ml_assets.cli", "replay", "flights", "--from", "2013-04", "--to", "2013-05")


@pytest.mark.longest
def test_after_every_kill_the_replay_goes_on_and_ends_with_the_same_table(tmp_path: Path) -> None:
    sandbox = sampled_sandbox(tmp_path)
    begin = time.monotonic()
    undisturbed = finish(sandbox, sandbox.data)
    took, killed = time.monotonic() - begin, 0
    assert [one["partition"] for one in undisturbed] == ["2013-04", "2013-05"]
    # There is something to tear: the calendar's turn came, and the gate had its say.
    assert undisturbed[0]["decision"] == "retrain"
    assert "days old with 20 allowed" in undisturbed[0]["reason"]
    assert undisturbed[0]["gate"]
    data = tmp_path / "killed"
    for number, delay in enumerate(moments(3 * KILLS, 0.6 * took, seed=5)):
        if killed < KILLS and kill(sandbox, data, delay):
            killed += 1
        elif killed < KILLS:
            # It came to its end; the next kill hits a new one.
            assert table_of(data) == undisturbed
            data = tmp_path / f"killed{number}"
    assert killed == KILLS
    assert finish(sandbox, data) == undisturbed


def sampled_sandbox(folder: Path) -> Sandbox:
    """Return a sandbox with five months of sampled flights that are retrained after 20 days."""
    (folder / "checkout").mkdir()
    box = write_sample(folder / "sample", "2013-05")
    box.declare(declare_small)
    trigger = {"calibration": None, "performance": None, "max_age_days": 20}
    box.declare(lambda declared: declared.update(retraining={"trigger": trigger}))
    sandbox = make_sandbox(folder / "checkout")
    sandbox.add("flights", box.folder)
    shutil.copytree(box.sources, sandbox.folder / "sources")
    return sandbox


def finish(sandbox: Sandbox, data: Path) -> list[dict[str, Any]]:
    """Replay to the end; return the table."""
    process = sandbox.start(*COMMAND, ML_ASSETS_DATA=str(data))
    assert process.wait(timeout=900) == 0, (sandbox.folder / "run.log").read_text()
    return table_of(data)


def table_of(data: Path) -> list[dict[str, Any]]:
    path = data / "replays" / "flights" / "2013-04_2013-05" / "table.json"
    found: list[dict[str, Any]] = json.loads(path.read_text())
    return found


def kill(sandbox: Sandbox, data: Path, delay: float) -> bool:
    """Kill a replay's process group `delay` seconds after its start; False if it had ended."""
    process = sandbox.start(*COMMAND, ML_ASSETS_DATA=str(data))
    time.sleep(delay)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return alive
