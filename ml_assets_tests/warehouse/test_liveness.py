from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from ml_assets.warehouse.liveness import hold, is_alive, sweep

if TYPE_CHECKING:
    from ml_assets.warehouse.settings import Settings

HOLDING = (
    "import sys, time; from ml_assets.warehouse.liveness import hold;"
    "from ml_assets.warehouse.settings import Settings\n"
    "with hold('run', Settings.from_environment()):\n"
    "    print('held', flush=True)\n"
    "    time.sleep(60)\n"
)


def test_a_run_without_a_lock_is_unknown(settings: Settings) -> None:
    assert is_alive("run", settings) is None


def test_a_run_lives_within_its_block(settings: Settings) -> None:
    with hold("run", settings):
        assert is_alive("run", settings) is True
        assert is_alive("other", settings) is None
    assert is_alive("run", settings) is None
    assert list((settings.data / "runs").iterdir()) == []


def test_a_killed_run_is_dead_at_once(settings: Settings) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLDING], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert is_alive("run", settings) is True
    process.kill()
    process.communicate()
    assert is_alive("run", settings) is False
    with hold("other", settings):
        sweep(settings)
        assert is_alive("other", settings) is True
    assert is_alive("run", settings) is None
