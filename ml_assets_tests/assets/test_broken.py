"""Broken data through the real jobs: nothing is scored, people hear of it, nothing is retrained."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from click.testing import CliRunner

from ml_assets import cli_decisions, clock
from ml_assets.assets.attempts import attempts_of, launch_tags
from ml_assets.assets.contracts import broken_contracts
from ml_assets.automation.alerts import WEBHOOK, alert_sensors
from ml_assets.automation.reach import RANGE_END, RANGE_START
from ml_assets.cli import main
from ml_assets.loop.attempt import run_key
from ml_assets.loop.next_attempt import Launch
from ml_assets.warehouse.appended import DecisionRow, PromotionRow, append, decisions, resets
from ml_assets_tests.assets.running import checks, dagsters_own_warnings, definitions, run
from ml_assets_tests.assets.test_data_quality import MONTHS, lose_temperature, sequences
from ml_assets_tests.assets.test_decision import DECISION, say
from ml_assets_tests.automation.test_alerts import webhook
from ml_assets_tests.automation.test_retraining import launch, tick

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets_tests.finished import Finished
    from ml_assets_tests.sandbox import Sandbox

SUCCESS = dg.DagsterRunStatus.SUCCESS
OVER = {dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_SUCCESS}


def lose_column(box: Sandbox) -> None:
    """Rename a column of the weather at the source."""
    box.edit("weather", lambda lines: [lines[0].replace("temp", "celsius"), *lines[1:]])


def go_on_without_april(box: Sandbox) -> None:
    """Let the history go on, though nothing of April has come by May."""
    box.declare(lambda declared: declared["partitions"].pop("end"))


def run_job(mine: Finished, instance: dg.DagsterInstance, name: str) -> dg.ExecuteInProcessResult:
    """Run a job over the months and let the alert sensor that fits look at the run."""
    job = definitions(mine.box).resolve_job_def(f"flights_{name}")
    tags = {RANGE_START: MONTHS[0], RANGE_END: MONTHS[-1]} if name == "refresh" else {}
    with dagsters_own_warnings():
        result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    failed, failing = alert_sensors()
    sensor = failing if result.success else failed
    event = next(event for event in result.all_events if event.event_type in OVER)
    with dg.build_run_status_sensor_context(
        sensor.name, event, instance, result.dagster_run
    ) as context:
        sensor(context)
    return result


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "cause", "words"),
    [
        (lose_column, "contract", "ERROR flights/raw/weather schema:"),
        (lose_temperature, "data_quality", "ERROR flights/monitoring/data_quality data_quality:"),
        (go_on_without_april, "freshness", "ERROR flights/monitoring/data_quality freshness:"),
    ],
    ids=["a column gone", "a feature missing", "a month late"],
)
def test_broken_data_is_not_scored_is_told_and_does_not_retrain(
    monitored: Finished,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Sandbox], None],
    cause: str,
    words: str,
) -> None:
    # Without the fault this would be a reason to retrain.
    monitored.unlearn("2013-02")
    say(monitored, "performance", "calibration", "alarm")
    before = sequences(monitored, "predictions.scores")
    source = monitored.box.source("weather").read_text(encoding="utf-8")
    declared = monitored.box.folder.joinpath("defs.yaml").read_text(encoding="utf-8")
    spoil(monitored.box)
    monkeypatch.setenv(clock.NOW, "2013-05-03T00:00:00-04:00")
    with webhook() as (address, texts), monitored.instance() as instance:
        monkeypatch.setenv(WEBHOOK, address)
        assert not run_job(monitored, instance, "refresh").success
        assert words in texts[-1]
        # Asked for by the sensor that hears of failed runs.
        decided = run_job(monitored, instance, "decide")
        assert decided.success
        answer = checks(decided, DECISION)["unblocked"]
        assert (answer.passed, answer.severity) == (False, dg.AssetCheckSeverity.ERROR)
        assert f"ERROR flights/retraining_decision unblocked: Broken data: {cause}" in texts[-1]
        assert isinstance(tick(monitored, instance), dg.SkipReason)
        assert attempts_of(instance, monitored.box.pipeline) == []
    assert sequences(monitored, "predictions.scores") == before
    (row,) = the_decisions(monitored)
    assert row == ("blocked", cause, None)
    # Mended, it is a reason again.
    monitored.box.source("weather").write_text(source, encoding="utf-8")
    monitored.box.folder.joinpath("defs.yaml").write_text(declared, encoding="utf-8")
    with webhook() as (address, texts), monitored.instance() as instance:
        monkeypatch.setenv(WEBHOOK, address)
        mended = run_job(monitored, instance, "refresh")
        assert mended.success
        assert checks(mended, DECISION)["unblocked"].passed
    assert the_decisions(monitored)[-1] == ("retrain", "calibration", "calibration-2013-03")


def the_decisions(mine: Finished) -> list[tuple[str, str | None, str | None]]:
    with mine.box.lake() as con:
        return [(row.action, row.cause, row.episode) for row in decisions(con, "flights")]


@pytest.mark.slow
def test_an_open_breaker_is_told(mine: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    mine.unlearn("2013-02")
    mine.box.declare(lambda declared: declared.update(retraining={"attempts": {"limit": 1}}))
    say(mine, "performance", "calibration", "alarm")
    assert not mine.run(DECISION)
    # The one attempt fails: there are never enough rows.
    mine.box.declare(lambda declared: declared["model"].update(minimum_rows=10_000_000))
    with webhook() as (address, texts), mine.instance() as instance:
        monkeypatch.setenv(WEBHOOK, address)
        request = tick(mine, instance)
        assert isinstance(request, dg.RunRequest)
        assert not launch(mine, instance, request).success
        assert run_job(mine, instance, "decide").success
        assert isinstance(tick(mine, instance), dg.SkipReason)
    (text,) = texts
    assert "ERROR flights/retraining_decision unblocked: calibration-2013-03 is given up" in text
    assert "ml-assets resume" in text
    resume(mine, monkeypatch)
    assert the_decisions(mine)[-1] == ("retrain", "calibration", "calibration-2013-03-2")


def resume(mine: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a person close the breaker, which can be done once, and decide again."""
    assert the_decisions(mine)[-1][:2] == ("blocked", "breaker")
    monkeypatch.setenv("DAGSTER_HOME", str(mine.home))
    monkeypatch.setattr(cli_decisions, "pipeline_named", lambda _: mine.box.pipeline)
    verb = ["resume", "flights", "--reason", "mended"]
    told = CliRunner().invoke(main, verb)
    assert told.output == "flights may retrain again; the next decision counts from now.\n"
    again = CliRunner().invoke(main, verb)
    assert again.exit_code == 1
    assert "No breaker of flights is open" in again.output
    with mine.box.lake() as con:
        assert [row.reason for row in resets(con, "flights")] == ["mended"]
    assert not mine.run(DECISION)


def retrained_in_vain(
    mine: Finished, instance: dg.DagsterInstance, number: int, at: datetime
) -> None:
    """Plant an episode whose run trained a model that the gate turned down."""
    episode = f"planted-{number}"
    decision = DecisionRow(
        decided_at=at,
        event_time=at,
        action="retrain",
        cause="calibration",
        reason="planted",
        episode=episode,
        until=None,
        run_id="planted",
    )
    refusal = PromotionRow(
        promoted_at=at,
        promoted=False,
        from_version=1,
        to_version=1 + number,
        reason="no better",
        decided_by="gate",
        episode=episode,
    )
    with mine.box.lake() as con:
        for row in (decision, refusal):
            append(con, "flights", row, on_wait=pytest.fail)
    launch = Launch(run_key=run_key(episode, 1), episode=episode, attempt=1, reason="planted")
    tags = launch_tags(mine.box.pipeline, launch)
    instance.add_run(dg.DagsterRun("flights_retraining", tags=tags, status=SUCCESS))


@pytest.mark.slow
def test_retrains_in_vain_open_the_breaker_and_people_hear_of_it(
    mine: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = mine.box.pipeline.declaration.retraining.breaker
    begun = datetime.now(UTC) - timedelta(hours=1)
    with webhook() as (address, texts), mine.instance() as instance:
        monkeypatch.setenv(WEBHOOK, address)
        for number in range(1, limit + 1):
            assert run_job(mine, instance, "decide").success
            assert the_decisions(mine)[-1][0] == "hold"
            assert texts == []
            retrained_in_vain(mine, instance, number, begun + timedelta(minutes=number))
        assert run_job(mine, instance, "decide").success
    assert the_decisions(mine)[-1] == ("blocked", "breaker", None)
    (text,) = texts
    said = f"unblocked: {limit} retrains in a row were not promoted, the last planted-{limit}:"
    assert f"ERROR flights/retraining_decision {said}" in text
    resume(mine, monkeypatch)
    assert the_decisions(mine)[-1] == ("hold", None, None)


@pytest.mark.slow
def test_a_refused_table_is_a_finding_until_it_is_built(shop: Sandbox) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert broken_contracts(instance, shop.pipeline) == []
        honest = shop.source("shops").read_text(encoding="utf-8")
        shop.edit("shops", lambda lines: [lines[0].replace("city", "town"), *lines[1:]])
        run(shop, "raw/shops", "cleaned/shops", instance=instance)
        (found,) = broken_contracts(instance, shop.pipeline)
        assert (found.cause, found.verdict, found.window) == ("contract", "broken", "raw.shops")
        assert found.reason.startswith("schema: raw.shops: ")
        assert "\n" not in found.reason
        # Another table that is well says nothing of this one.
        assert run(shop, "raw/orders", instance=instance).success
        assert len(broken_contracts(instance, shop.pipeline)) == 1
        shop.source("shops").write_text(honest, encoding="utf-8")
        assert run(shop, "raw/shops", instance=instance, refresh=True).success
        assert broken_contracts(instance, shop.pipeline) == []
