"""The monitors as assets: what they found per partition, in the lake, as checks and in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_assets.assets.days import DAYS, references
from ml_assets.assets.grounds import history
from ml_assets.assets.shell import asset_key, lake_of
from ml_assets.assets.slices import REFRESH_TAG, keys_of, run_id
from ml_assets.assets.step import step_asset
from ml_assets.ml.metrics import PROBABILITIES
from ml_assets.tables.days import days_table
from ml_assets.tables.findings import (
    MONITOR,
    Found,
    findings_table,
    newest_windows,
    read_findings,
    store_findings,
)
from ml_assets.tables.plan import WHOLE, Stored
from ml_assets.tables.spine import spine
from ml_assets.tables.stretches import stretches
from ml_assets.tables.views import View, views
from ml_assets.warehouse import ledger
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ml_assets.tables.pipeline import Pipeline

Severity = dg.AssetCheckSeverity


@dataclass(frozen=True)
class Monitor:
    """One monitor of a changed world: what it looks for, and the plot of its newest view."""

    name: str
    causes: tuple[str, ...]
    description: str
    look: Callable[[Pipeline, View], Sequence[Found]]
    plot: Callable[[Sequence[Found]], Mapping[str, Any]]
    of_probabilities: frozenset[str] = frozenset()
    """Causes that only a model of probabilities can be asked for: no checks for regression."""

    def checked(self, pipeline: Pipeline) -> list[str]:
        """Return the causes that can be judged in `pipeline`, each of which is a check."""
        probable = pipeline.declaration.model.problem in PROBABILITIES
        return [cause for cause in self.causes if probable or cause not in self.of_probabilities]


def monitor_asset(pipeline: Pipeline, monitor: Monitor) -> dg.AssetsDefinition:
    """Return the asset that looks at every window whose statistics changed."""
    table = findings_table(pipeline, monitor.name)
    return step_asset(
        pipeline,
        ("monitoring", monitor.name),
        lambda pipeline, context: _look(pipeline, context, monitor),
        after=[DAYS],
        kinds={"duckdb"},
        description=monitor.description,
        code_version=table.code_version,
        table=table,
        checks=[
            dg.AssetCheckSpec(
                cause,
                asset=asset_key(pipeline, "monitoring", monitor.name),
                description=f"The newest closed window gives no alarm: {cause.replace('_', ' ')}.",
            )
            for cause in monitor.checked(pipeline)
        ],
    )


def _look(
    pipeline: Pipeline, context: dg.AssetExecutionContext, monitor: Monitor
) -> dg.MaterializeResult[None]:
    of = references(pipeline, Settings.from_environment())
    with lake_of(context, pipeline).get_connection() as con:
        past = history(context.instance, con, pipeline, None)
        stored = Stored(ledger.current(con, pipeline.name))
        view = views(con, pipeline, of)
        for window in stretches(pipeline, _due(context, pipeline, monitor.name, stored), {}):
            found: dict[str, Sequence[Found]] = {}
            for key in window.keys:
                seen = view(key, past.answered_before(pipeline.partitions.window(key).end))
                found[key] = [] if seen is None else monitor.look(pipeline, seen)
                for item in found[key]:
                    context.log.info(f"{key}: {item.reason}")
            store_findings(
                con,
                pipeline,
                monitor.name,
                window,
                found,
                lambda key: _inputs(pipeline, stored, key),
                run_id=run_id(context),
                on_wait=context.log.info,
            )
        everything = read_findings(con, pipeline, monitor.name)
    newest = newest_windows(everything)
    return dg.MaterializeResult(
        metadata={**_numbers(newest), **monitor.plot(list(newest.values()))},
        check_results=[
            check_result(pipeline, monitor.name, cause, newest.get(cause), Severity.WARN)
            for cause in monitor.checked(pipeline)
        ],
    )


def check_result(
    pipeline: Pipeline,
    monitor: str,
    cause: str,
    found: Found | None,
    severity: dg.AssetCheckSeverity,
) -> dg.AssetCheckResult:
    """Return the check of one cause; what could not be judged does not pass.

    What is silenced for good does: it would warn of every window.
    """
    return dg.AssetCheckResult(
        asset_key=asset_key(pipeline, "monitoring", monitor),
        check_name=cause,
        passed=found is not None and (found.verdict == "ok" or found.silenced),
        severity=severity,
        description="nothing was scored yet"
        if found is None
        else f"{found.period}: {found.reason}",
        metadata={"verdict": "not enough data"}
        if found is None
        else {"period": found.period, "verdict": found.verdict, "statistic": found.statistic},
    )


def _due(
    context: dg.AssetExecutionContext, pipeline: Pipeline, monitor: str, stored: Stored
) -> list[str]:
    """Return the counted partitions of the run, in a refresh those whose statistics changed."""
    keys = keys_of(context, spine(pipeline)[0])
    if REFRESH_TAG in context.run.tags:
        return due_findings(pipeline, stored, monitor, keys)
    return _counted(pipeline, stored, keys)


def due_findings(
    pipeline: Pipeline, stored: Stored, monitor: str, keys: Sequence[str | None]
) -> list[str]:
    """Return the counted slices that `monitor` has not looked at as they and those before are."""
    before = {item.partition: item.inputs for item in stored.of(findings_table(pipeline, monitor))}
    return [
        key
        for key in _counted(pipeline, stored, keys)
        if before.get(key) != _inputs(pipeline, stored, key)
    ]


def _counted(pipeline: Pipeline, stored: Stored, keys: Sequence[str | None]) -> list[str]:
    counted = {item.partition for item in stored.of(days_table(pipeline))}
    return [key for key in keys if key is not None and key in counted]


def _inputs(pipeline: Pipeline, stored: Stored, key: str) -> dict[str, dict[str, str]]:
    """Return the versions of all statistics up to `key`, a CUSUM adds them up, and the settings."""
    declared = pipeline.declaration.monitoring
    return {
        "monitoring": {WHOLE: f"{MONITOR}, {declared}"},
        "monitoring.days": {
            item.partition: item.data_version
            for item in stored.of(days_table(pipeline))
            if item.partition is not None and item.partition <= key
        },
    }


def _numbers(newest: Mapping[str, Found]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for cause, found in newest.items():
        told[f"{cause} verdict"] = found.verdict
        told[f"{cause} reason"] = found.reason
        for name, value in (("statistic", found.statistic), ("threshold", found.threshold)):
            if value is not None:
                told[f"{cause} {name}"] = dg.MetadataValue.float(value)
    return told
