"""A process that is to be killed: it imports everything, waits, and then works on a pipeline."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets_tests.automation.sandbox import REPOSITORY
from ml_assets_tests.finished import Finished
from ml_assets_tests.sandbox import Sandbox
from ml_assets_tests.slow.sampled import KILLS, moments

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    import pytest


class Victim:
    """A process that waits, everything imported, for the pipeline it is to work on."""

    def __init__(self) -> None:
        self._log = TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", __name__],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )

    def work(self, mine: Finished, job: str, assets: Iterable[str], request: dg.RunRequest) -> None:
        """Let it run a job, or some assets of it, and return when the run holds its lock."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        told = {
            "root": str(mine.box.root),
            "environment": mine.box.environment,
            "job": job,
            "assets": [*assets],
            "tags": dict(request.tags),
            "run_config": dict(request.run_config),
        }
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        while not list((mine.settings.data / "runs").glob("*.lock")):
            assert self._process.poll() is None, self._said()
            time.sleep(0.005)

    def kill(self, delay: float) -> bool:
        """Kill it and all it started after `delay` seconds; False where it had ended."""
        if self._process.poll() is None:
            time.sleep(delay)
        alive = self._process.poll() is None
        if alive:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._close()
        return alive

    def _close(self) -> None:
        assert self._process.stdin is not None
        if not self._process.stdin.closed:
            self._process.communicate()
            self._log.close()

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def finish(self) -> float:
        """Let it end by itself; return the seconds that it took."""
        begin = time.monotonic()
        self._close()
        return time.monotonic() - begin


@contextmanager
def victims() -> Iterator[Iterator[Victim]]:
    """Yield one process after the other; while one works, the next one imports."""
    ready = [Victim()]

    def one_by_one() -> Iterator[Victim]:
        while True:
            ready.append(Victim())
            yield ready[-2]

    try:
        yield one_by_one()
    finally:
        for one in ready:
            one.kill(0)


def killed(
    mine: Finished,
    folder: Path,
    patch: pytest.MonkeyPatch,
    work: Callable[[Victim, Finished], None],
    *,
    seed: int,
) -> Generator[Finished]:
    """Yield a copy in which `work` was done, then copies killed at moments of its life.

    The environment points to the copy. A kill that came too late hit nothing and does not count.
    Whoever asks for KILLS copies gets them; more come only as long as the moments last.
    """
    from ml_assets_tests.conftest import _point_to

    with victims() as ready:

        def begun(name: str) -> tuple[Finished, Victim]:
            twin, victim = mine.copy(folder / name), next(ready)
            _point_to(twin.box, patch)
            work(victim, twin)
            return twin, victim

        unhurt, victim = begun("unhurt")
        took, hit = victim.finish(), 0
        delays = [delay for more in (0, 100) for delay in moments(2 * KILLS, took, seed + more)]
        yield unhurt
        for number, delay in enumerate(delays):
            twin, victim = begun(f"killed{number}")
            if victim.kill(delay):
                hit += 1
                yield twin
        assert hit >= KILLS, f"only {hit} of {len(delays)} kills hit a run"


def run_job(
    mine: Finished,
    instance: dg.DagsterInstance,
    job: str,
    assets: Iterable[str],
    request: dg.RunRequest,
) -> dg.ExecuteInProcessResult:
    """Run a job, or some assets of it, as the daemon does."""
    from ml_assets_tests.assets.running import dagsters_own_warnings, definitions

    selected = [dg.AssetKey([mine.box.name, *asset.split("/")]) for asset in assets]
    with dagsters_own_warnings():
        return (
            definitions(mine.box)
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance,
                tags=request.tags,
                run_config=request.run_config,
                asset_selection=selected or None,
                raise_on_error=False,
            )
        )


def _main() -> None:
    import lightgbm  # noqa: F401
    import mlflow  # noqa: F401
    import optuna  # noqa: F401

    import ml_assets_tests.assets.running  # noqa: F401

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    given = json.loads(sys.stdin.readline())
    os.environ.update(given["environment"])
    os.chdir(given["root"])
    mine = Finished(Sandbox(Path(given["root"]), "flights"))
    with mine.instance() as instance:
        request = dg.RunRequest(tags=given["tags"], run_config=given["run_config"])
        run_job(mine, instance, given["job"], given["assets"], request)


if __name__ == "__main__":
    _main()
