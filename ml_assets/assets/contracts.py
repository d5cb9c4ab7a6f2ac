"""Broken contracts: tables whose newest build was refused, as the decision hears of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from ml_assets import clock
from ml_assets.assets.events import latest_check
from ml_assets.assets.shell import asset_key, checks_of
from ml_assets.loop.triggers import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_assets.tables.pipeline import Pipeline

CAUSE = "contract"


def broken_contracts(instance: dg.DagsterInstance, pipeline: Pipeline) -> list[Finding]:
    """Return every check of a table that failed when it was last asked.

    What is refused is not stored: the monitors go on speaking of the data before it, and an alarm
    of theirs would retrain while the source is broken.
    """
    return list(_broken(instance, pipeline))


def _broken(instance: dg.DagsterInstance, pipeline: Pipeline) -> Iterator[Finding]:
    for node in pipeline.ordered:
        for name in checks_of(node):
            key = dg.AssetCheckKey(asset_key(pipeline, *node.name), name)
            said = latest_check(instance, key)
            if said is not None and not said.passed:
                faults = str(said.values.get("faults", "the check failed"))
                yield Finding(
                    cause=CAUSE,
                    verdict="broken",
                    window=node.dotted,
                    # It is what is delivered today, whatever months it is about.
                    at=clock.now(),
                    reason=f"{name}: {faults.removeprefix('- ').partition(chr(10))[0]}",
                )
