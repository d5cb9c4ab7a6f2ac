"""Where a replay lives: folders and an environment of its own, away from production's."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets import clock
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

MACHINE = frozenset({"ML_ASSETS_THREADS", "ML_ASSETS_MEMORY"})
"""Settings that say what the machine can do; all others say where production is."""
INSTANCE = """telemetry:
  enabled: false
event_log_storage:
  module: ml_assets.event_log
  class: SqliteEventLog
"""


@dataclass(frozen=True)
class Root:
    """The folder of one replay."""

    folder: Path

    @property
    def state(self) -> Path:
        """What the replayed world is made of: data and Dagster home."""
        return self.folder / "state"

    @property
    def data(self) -> Path:
        """The data root: lake, MLflow store, reports."""
        return self.state / "data"

    @property
    def home(self) -> Path:
        """The Dagster instance."""
        return self.state / "dagster"

    @property
    def kept(self) -> Path:
        """Copies of the state as it was after a finished tick."""
        return self.folder / "kept"

    @property
    def log(self) -> Path:
        """What the assets said, one line each."""
        return self.folder / "replay.log"

    def prepare(self) -> None:
        """Make the folders and the configuration of the Dagster instance."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "dagster.yaml").write_text(INSTANCE, encoding="utf-8")


def root_of(settings: Settings, pipeline: str, first: str, last: str) -> Root:
    """Return the replay of the partitions `first` to `last`, below production's data root."""
    return Root(settings.data / "replays" / pipeline / f"{first}_{last}")


@contextmanager
def inside(root: Root) -> Iterator[Settings]:
    """Let everything in the block see the replay's world only; then the environment is as before.

    Every setting of this platform, of MLflow and of Dagster is taken away unless it is about the
    machine, so that one that is added later cannot lead to production either.
    """
    before = dict(os.environ)
    for name in before:
        if name.startswith(("ML_ASSETS_", "MLFLOW_", "DAGSTER_")) and name not in MACHINE:
            del os.environ[name]
    os.environ |= {"ML_ASSETS_DATA": str(root.data), "DAGSTER_HOME": str(root.home)}
    try:
        yield Settings.from_environment()
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def set_clock(moment: datetime) -> None:
    """Let everything that asks for now get `moment`."""
    os.environ[clock.NOW] = moment.isoformat()
