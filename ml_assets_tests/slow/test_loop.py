"""The closed loop without a hand: the real daemon, degraded data, and everything that follows."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb
import pytest
import yaml
from dagster._core.execution.stats import StepEventStatus

from ml_assets.assets.attempts import ATTEMPT, EPISODE, PIPELINE, REASON
from ml_assets.assets.events import latest_check
from ml_assets.automation import retraining
from ml_assets.automation.alerts import WEBHOOK
from ml_assets.automation.health import CHECK
from ml_assets.registry.versions import CHAMPION, PREVIOUS, versions
from ml_assets.warehouse.appended import decisions, promotions
from ml_assets.warehouse.lake import connect
from ml_assets_tests.automation.sandbox import edit
from ml_assets_tests.automation.test_alerts import webhook
from ml_assets_tests.finished import declare_small
from ml_assets_tests.sample import CARRIERS, package_file, unzipped
from ml_assets_tests.slow.sampled import NAME, flights_sandbox, instance_of, settings_of
from ml_assets_tests.slow.test_servers import processes, start, wait

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ml_assets.warehouse.appended import DecisionRow, PromotionRow
    from ml_assets_tests.automation.sandbox import Sandbox

LAST, DEGRADED = 5, 3
"""The months that arrive, and the last one of them that is as it was."""
MINUTES = 45
"""By so much the later flights are late, whatever the model knows of them."""
TICK = 5
"""Seconds between two looks of the retraining sensor, in the test's copy of the package."""


def declare(sandbox: Sandbox, change: Callable[[dict[str, Any]], object]) -> None:
    path = sandbox.pipelines / NAME / "defs.yaml"
    document = yaml.safe_load(path.read_text())
    change(document["attributes"])
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def let_months_arrive(sandbox: Sandbox, folder: Path, policy: dict[str, Any] | None = None) -> None:
    """Deliver two months more, in which all are later, and let a refresh run each minute."""
    carriers = ", ".join(f"'{carrier}'" for carrier in CARRIERS)
    later = f"month::INTEGER > {DEGRADED} AND arr_delay <> 'NA'"
    sources = {
        "flights": (unzipped(folder), f"carrier IN ({carriers})"),
        "weather": (package_file("weather.csv"), "true"),
    }
    with duckdb.connect() as con:
        for table, (path, where) in sources.items():
            replaced = (
                f"REPLACE (CASE WHEN {later} THEN (arr_delay::INTEGER + {MINUTES})::VARCHAR"
                " ELSE arr_delay END AS arr_delay)"
                if table == "flights"
                else ""
            )
            con.execute(
                f"COPY (SELECT * {replaced} FROM"
                f" read_csv('{path}', all_varchar = true, header = true)"
                f" WHERE {where} AND month::INTEGER <= {LAST})"
                f" TO '{sandbox.folder / 'sources' / table}.csv' (HEADER)"
            )

    def change(declared: dict[str, Any]) -> None:
        declared["partitions"]["end"] = f"2013-{LAST:02d}"
        declared["schedule"] = {"cron": "* * * * *", "enabled": True}
        declared["retraining"] = policy or {}

    declare(sandbox, change)


def let_nothing_retrain(declared: dict[str, Any]) -> None:
    """Keep what March has of its own from opening an episode before the daemon runs."""
    never = {"calibration": None, "performance": None, "max_age_days": None}
    declared["retraining"] = {"trigger": never}


def retrainings(sandbox: Sandbox) -> list[dg.DagsterRun]:
    """Return the runs that the retraining sensor requested."""
    with instance_of(sandbox) as instance:
        return list(instance.get_runs(dg.RunsFilter(tags={PIPELINE: NAME})))


def ledgers(sandbox: Sandbox) -> tuple[list[DecisionRow], list[PromotionRow]]:
    with connect(NAME, settings_of(sandbox), read_only=True) as con:
        return decisions(con, NAME), promotions(con, NAME)


def evaluated_since(sandbox: Sandbox, run: dg.DagsterRun) -> bool:
    """Say whether a decision was taken after a run had ended."""
    with instance_of(sandbox) as instance:
        record = instance.get_run_record_by_id(run.run_id)
    assert record is not None
    decided, _ = ledgers(sandbox)
    return decided[-1].decided_at.timestamp() > (record.end_time or 0)


def with_a_model(folder: Path) -> Sandbox:
    """Return flights with a version live, and a retraining sensor that ticks often."""
    sandbox = flights_sandbox(folder.resolve())
    declare(sandbox, declare_small)
    declare(sandbox, let_nothing_retrain)
    edit(
        sandbox.folder / "ml_assets" / "automation" / "retraining.py",
        (f"SECONDS = {retraining.SECONDS}\n", f"SECONDS = {TICK}\n"),
    )
    first = sandbox.cli("run", NAME)
    assert first.code == 0, first.text
    return sandbox


@pytest.mark.slow
def test_degraded_data_ends_in_a_promotion_without_a_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = with_a_model(tmp_path)
    let_months_arrive(sandbox, tmp_path)
    with webhook() as (address, texts):
        monkeypatch.setenv(WEBHOOK, address)
        servers = start(sandbox)
        try:
            wait(lambda: [run for run in retrainings(sandbox) if run.is_finished], 600)
            (run,) = retrainings(sandbox)
            wait(lambda: evaluated_since(sandbox, run), 600)
            wait(lambda: any("monitoring/performance calibration" in one for one in texts), 300)
            told = sandbox.cli("status", NAME)
        finally:
            servers.process.send_signal(signal.SIGINT)
            servers.process.wait(timeout=90)
    wait(lambda: not processes(sandbox), 10)
    assert_the_story(sandbox, run)
    assert "Automation is as declared and in time." in told.out


@pytest.mark.slow
def test_a_machine_that_dies_in_mid_episode_neither_loses_nor_doubles_it(tmp_path: Path) -> None:
    """Daemon, web server and run are killed while it trains; then all is started again."""
    sandbox = with_a_model(tmp_path)
    let_months_arrive(sandbox, tmp_path, {"attempts": {"backoff_minutes": 1}})
    before = start(sandbox)
    wait(lambda: trains(sandbox), 600)
    for number in processes(sandbox):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    assert before.process.wait(timeout=10) == -signal.SIGKILL
    wait(lambda: not processes(sandbox), 10)
    servers = start(sandbox)
    try:
        wait(lambda: any(run.is_success for run in retrainings(sandbox)), 600)
        run, killed = retrainings(sandbox)
        wait(lambda: evaluated_since(sandbox, run), 600)
    finally:
        servers.process.send_signal(signal.SIGINT)
        servers.process.wait(timeout=90)
    assert [one.run_id for one in retrainings(sandbox)] == [run.run_id, killed.run_id]
    assert killed.is_failure
    assert (killed.tags[EPISODE], killed.tags[ATTEMPT]) == (run.tags[EPISODE], "1")
    assert "was killed" in told_to_fail(sandbox, killed)
    assert_the_story(sandbox, run, attempt=2)


def trains(sandbox: Sandbox) -> bool:
    """Whether a retraining is at its model, which is when most of its time passes."""
    with instance_of(sandbox) as instance:
        return any(
            step.step_key == f"{NAME}__model" and step.status is StepEventStatus.IN_PROGRESS
            for run in retrainings(sandbox)
            for step in instance.get_run_step_stats(run.run_id)
        )


def told_to_fail(sandbox: Sandbox, run: dg.DagsterRun) -> str:
    """Return why a run is marked as failed."""
    with instance_of(sandbox) as instance:
        found = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    return " ".join(record.event_log_entry.message for record in found.records)


def assert_the_story(sandbox: Sandbox, run: dg.DagsterRun, attempt: int = 1) -> None:
    """Refresh, alarm, decision, run, gate, promotion, and an evaluation that holds."""
    decided, promoted = ledgers(sandbox)
    asked = next(row for row in decided if row.action == "retrain")
    assert (asked.cause, asked.episode) == ("calibration", f"calibration-2013-{LAST:02d}")
    assert run.is_success
    assert run.job_name == "flights_retraining"
    assert (run.tags[EPISODE], run.tags[ATTEMPT]) == (asked.episode, str(attempt))
    assert attempt > 1 or asked.reason in run.tags[REASON]
    assert run.tags["dagster/sensor_name"] == "flights_retraining"
    by_hand, by_gate = promoted
    assert by_hand.from_version is None
    assert (by_gate.promoted, by_gate.episode) == (True, asked.episode)
    assert (by_gate.decided_by, by_gate.run_id) == ("gate", run.run_id)
    # Trained, then refitted on all data.
    assert by_gate.numbers["challenger"] == 2
    known = {one.version: one for one in versions(settings_of(sandbox).tracking_uri, NAME)}
    assert {alias: n for n, one in known.items() for alias in one.aliases} == {
        CHAMPION: by_gate.to_version,
        PREVIOUS: 1,
    }
    assert known[by_gate.to_version].refit_of == 2
    assert decided[-1].action == "hold", decided[-1].reason
    assert len({row.episode for row in decided if row.episode is not None}) == 1
    with instance_of(sandbox) as instance:
        runs = {one.run_id: one for one in instance.get_runs()}
        decision = dg.AssetKey([NAME, "retraining_decision"])
        watched = latest_check(instance, dg.AssetCheckKey(decision, CHECK))
        alarms = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey([NAME, "monitoring", "performance"]), "calibration"),
            limit=99,
        )
    # The check failed and the decision was taken in a refresh that the schedule began.
    (failed,) = (
        one.event.dagster_event.asset_check_evaluation_data
        for one in alarms
        if one.run_id == asked.run_id and one.event is not None and one.event.dagster_event
    )
    assert not failed.passed
    assert failed.metadata["period"].value == f"2013-{LAST:02d}"
    refresh = runs[str(asked.run_id)]
    assert refresh.tags["dagster/schedule_name"] == "flights_refresh"
    assert watched is not None
    assert watched.passed
