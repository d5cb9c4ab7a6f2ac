"""The jobs that people and schedules start, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.automation.due import due
from ml_assets.automation.launch import run_due
from ml_assets.automation.reach import refresh_tags
from ml_assets_tests.assets.running import dagsters_own_warnings, definitions

if TYPE_CHECKING:
    import dagster as dg

    from ml_assets_tests.finished import Finished


def run_what_is_due(mine: Finished) -> dg.ExecuteInProcessResult:
    """Do what `ml-assets run` does."""
    found = due(mine.box.pipeline, mine.settings)
    assert not found.nothing
    with mine.instance() as instance, dagsters_own_warnings():
        return run_due(definitions(mine.box), mine.box.pipeline, found, instance)


def refreshed(mine: Finished) -> dg.ExecuteInProcessResult:
    """Do what the schedule does."""
    with mine.instance() as instance, dagsters_own_warnings():
        return (
            definitions(mine.box)
            .resolve_job_def(f"{mine.box.name}_refresh")
            .execute_in_process(
                instance=instance,
                tags=refresh_tags(mine.box.pipeline, mine.settings),
                raise_on_error=False,
            )
        )
