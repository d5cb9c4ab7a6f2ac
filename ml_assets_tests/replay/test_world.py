"""A Ctrl-C within a run stops the replay, wherever it comes."""

from __future__ import annotations

import os
import signal
from threading import Timer
from typing import TYPE_CHECKING

import dagster as dg
import duckdb
import pytest

from ml_assets.errors import DataError
from ml_assets.replay.world import ended

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = "SELECT sum(hash(number)) FROM range(3_000_000_000) AS numbers(number)"


def queries() -> None:
    # DuckDB looks for signals between tasks of its main thread, so that one has to do the work.
    with duckdb.connect(config={"threads": 1}) as con:
        Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        con.execute(LONG).fetchall()


def explains() -> None:
    try:
        queries()
    except RuntimeError as error:
        raise DataError("The table could not be read.", "Read on.") from error


def fails() -> None:
    raise DataError("The table is broken.", "Mend it.")


def run(step: Callable[[], None]) -> dg.ExecuteInProcessResult:
    @dg.asset(name="asked")
    def asked() -> None:
        step()

    job = dg.Definitions(assets=[asked]).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, raise_on_error=False)


@pytest.mark.parametrize("step", [queries, explains])
def test_a_ctrl_c_within_a_query_is_no_failure_of_the_step(step: Callable[[], None]) -> None:
    result = run(step)
    assert not result.success
    with pytest.raises(KeyboardInterrupt):
        ended(result)


def test_a_step_that_fails_by_itself_has_ended() -> None:
    assert not ended(run(fails)).success
