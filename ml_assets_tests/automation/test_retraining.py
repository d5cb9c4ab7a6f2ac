"""The sensor: launches what was decided, each attempt once, and reads nothing but the event log."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets.assets.attempts import ATTEMPT, EPISODE, attempts_of
from ml_assets.assets.books import record
from ml_assets.assets.decision import newest_decision
from ml_assets.assets.live import by_hand
from ml_assets.automation.due import Due, due, leave_training
from ml_assets.automation.jobs import decision_job, refresh_job
from ml_assets.automation.launch import run_due
from ml_assets.automation.retraining import (
    decide_after_failure,
    retraining_job,
    retraining_sensor,
)
from ml_assets_tests.assets.contenders import books, ledger_of
from ml_assets_tests.assets.running import dagsters_own_warnings, definitions, run
from ml_assets_tests.assets.test_decision import DECISION, say

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished


def tick(mine: Finished, instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    """Evaluate the sensor once, with no memory of earlier ticks."""
    pipeline = mine.box.pipeline
    sensor = retraining_sensor(pipeline, retraining_job(pipeline))
    with dg.build_sensor_context(instance) as context:
        found = sensor(context)
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    return found


def launch(
    mine: Finished, instance: dg.DagsterInstance, request: dg.RunRequest
) -> dg.ExecuteInProcessResult:
    """Run what was requested, as the daemon does."""
    with dagsters_own_warnings():
        return (
            definitions(mine.box)
            .resolve_job_def("flights_retraining")
            .execute_in_process(
                instance=instance,
                tags=request.tags,
                run_config=request.run_config,
                asset_selection=request.asset_selection,
                raise_on_error=False,
            )
        )


@pytest.mark.slow
def test_broken_data_is_decided_upon_though_it_stops_the_run(mine: Finished) -> None:
    # Without the fault the alarm would be a reason to retrain.
    say(mine, "performance", "calibration", "alarm")
    pipeline = mine.box.pipeline
    sensor = decide_after_failure(pipeline, [refresh_job(pipeline)], decision_job(pipeline))
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    mine.box.source("weather").unlink()
    with mine.instance() as instance:
        result = run(mine.box, "raw/weather", instance=instance)
        event = next(one for one in result.all_events if one.event_type_value == "PIPELINE_FAILURE")
        with dg.build_run_status_sensor_context(
            sensor.name, event, instance, result.dagster_run
        ) as context:
            request = sensor(context.for_run_failure())
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == result.run_id
    # The job it asks for decides without anything of the run that failed.
    with mine.instance() as instance, dagsters_own_warnings():
        job = definitions(mine.box).resolve_job_def("flights_decide")
        assert job.execute_in_process(instance=instance).success
        found = newest_decision(instance, pipeline)
    assert found is not None
    assert (found.action, found.cause) == ("blocked", "contract")
    assert "raw.weather" in found.reason


def test_without_a_decision_it_waits(mine: Finished) -> None:
    with mine.instance() as instance:
        found = tick(mine, instance)
    assert isinstance(found, dg.SkipReason)
    assert found.skip_message == "Nothing was decided about flights yet."


@pytest.mark.slow
def test_a_decision_is_carried_out_once(mine: Finished) -> None:
    mine.unlearn("2013-02")
    say(mine, "performance", "calibration", "alarm")
    assert not mine.run(DECISION)
    month = mine.box.pipeline.partitions.keys()[-1]
    episode = f"calibration-{month}"
    with mine.instance() as instance:
        first, again = tick(mine, instance), tick(mine, instance)
        assert isinstance(first, dg.RunRequest)
        assert isinstance(again, dg.RunRequest)
        # Asked twice before the run exists: one key, which Dagster never launches twice.
        assert first.run_key == again.run_key == f"flights/{episode}/1"
        assert (first.tags[EPISODE], first.tags[ATTEMPT]) == (episode, "1")
        assert "as planted" in first.tags["ml_assets/reason"]
        result = launch(mine, instance, first)
        assert result.success
        (attempt,) = attempts_of(instance, mine.box.pipeline)
        assert (attempt.episode, attempt.attempt, attempt.status) == (episode, 1, "succeeded")
        done = tick(mine, instance)
        assert isinstance(done, dg.SkipReason)
        assert f"{episode}/1 succeeded" in str(done.skip_message)
    # The evidence is answered: the next evaluation holds.
    assert not mine.run(DECISION)
    with mine.instance() as instance:
        assert isinstance(tick(mine, instance), dg.SkipReason)


@pytest.mark.slow
@pytest.mark.parametrize("promoted", [True, False])
def test_an_attempt_whose_model_was_judged_before_its_run_failed_trains_no_other(
    mine: Finished, promoted: bool
) -> None:
    mine.unlearn("2013-02")
    say(mine, "performance", "calibration", "alarm")
    assert not mine.run(DECISION)
    with mine.instance() as instance:
        request = tick(mine, instance)
        assert isinstance(request, dg.RunRequest)
        told = by_hand(None, 1, "as planted", "a test")
        with books(mine) as found:
            record(found, replace(told, promoted=promoted, episode=request.tags[EPISODE]))
        rows, versions = ledger_of(mine), mine.versions()
        assert launch(mine, instance, request).success
    assert mine.versions() == versions
    assert ledger_of(mine) == rows


@pytest.mark.slow
def test_what_a_person_started_and_went_live_keeps_nobody_from_starting_another(
    mine: Finished,
) -> None:
    tags = retraining_job(mine.box.pipeline).tags
    assert tags is not None
    live = by_hand(None, 1, "as planted", "a test")
    with books(mine) as found:
        record(found, replace(live, episode=tags[EPISODE]))
    with mine.instance() as instance:
        assert launch(mine, instance, dg.RunRequest(tags=dict(tags))).success
    assert [one.version for one in mine.versions()] == [1, 2]


@pytest.mark.slow
def test_a_retraining_that_a_person_starts_holds_the_loop_and_is_split_like_any_other(
    mine: Finished,
) -> None:
    tags = retraining_job(mine.box.pipeline).tags
    assert tags is not None
    with mine.instance() as instance:
        run_id = dg.DagsterRun(job_name="flights_retraining", tags=dict(tags)).run_id
        instance.add_run(
            dg.DagsterRun(
                job_name="flights_retraining",
                run_id=run_id,
                status=dg.DagsterRunStatus.STARTED,
                tags=dict(tags),
            )
        )
        (attempt,) = attempts_of(instance, mine.box.pipeline)
    assert (attempt.episode, attempt.status) == (f"by hand {run_id[:8]}", "running")
    say(mine, "performance", "calibration", "alarm")
    mine.unlearn("2013-02")
    assert not mine.run(DECISION)
    with mine.instance() as instance:
        found = newest_decision(instance, mine.box.pipeline)
    assert found is not None
    assert found.action == "hold"
    assert "by hand" in found.reason


def at_work(
    mine: Finished, instance: dg.DagsterInstance, tags: dict[str, str], *assets: str
) -> dg.DagsterRun:
    """Enter a run of the whole job, or of some assets of it, that has begun."""
    run = dg.DagsterRun(
        job_name="flights_pipeline",
        run_id=dg.DagsterRun(job_name="any").run_id,
        status=dg.DagsterRunStatus.STARTED,
        tags=tags,
        asset_selection=frozenset(dg.AssetKey(["flights", *name.split("/")]) for name in assets)
        if assets
        else None,
    )
    instance.add_run(run)
    return run


@pytest.mark.slow
@pytest.mark.parametrize("assets", [(), ("features/weather", "model")], ids=["whole", "some"])
def test_a_run_that_is_going_to_train_holds_the_sensor(
    mine: Finished, assets: tuple[str, ...]
) -> None:
    mine.unlearn("2013-02")
    say(mine, "performance", "calibration", "alarm")
    assert not mine.run(DECISION)
    with mine.instance() as instance:
        assert isinstance(tick(mine, instance), dg.RunRequest)
        run = at_work(mine, instance, {}, *assets)
        held = tick(mine, instance)
        assert isinstance(held, dg.SkipReason)
        assert f"by hand {run.run_id[:8]}/1 has been running" in str(held.skip_message)
    assert not mine.run(DECISION)
    with mine.instance() as instance:
        found = newest_decision(instance, mine.box.pipeline)
        assert found is not None
        assert (found.action, found.episode) == ("hold", "calibration-2013-03")
        # Over before it trained, it has answered nothing.
        instance.report_run_failed(run)
        assert isinstance(tick(mine, instance), dg.RunRequest)


def test_a_run_that_builds_tables_holds_nothing(mine: Finished) -> None:
    with mine.instance() as instance:
        at_work(mine, instance, {}, "features/weather", "retraining_decision")
        assert attempts_of(instance, mine.box.pipeline) == []


@pytest.mark.slow
def test_a_run_by_hand_waits_for_the_sensors_and_leaves_it_the_model(mine: Finished) -> None:
    tags = {"ml_assets/retrains": "flights", EPISODE: "calibration-2013-03", ATTEMPT: "1"}
    with mine.instance() as instance:
        run = at_work(mine, instance, tags)
        model_due = Due([], "its data changed")
        left, busy = leave_training(model_due, mine.box.pipeline, instance)
        assert left.nothing
        assert busy is not None
        assert busy.run_key == "calibration-2013-03/1"
    # Not asked before, as in the UI, it is refused where training begins.
    said = mine.run("training_set", "model")["training_set"]
    assert "flights is being retrained: calibration-2013-03/1 has been running since" in said
    with mine.instance() as instance:
        instance.report_run_failed(run)
        assert leave_training(model_due, mine.box.pipeline, instance) == (model_due, None)
    # Nor is a training set that nobody trains on a retraining.
    assert not mine.run("training_set")
    with mine.instance() as instance:
        assert [one.status for one in attempts_of(instance, mine.box.pipeline)] == ["failed"]


@pytest.mark.slow
def test_what_a_run_of_tables_and_model_trained_counts_as_a_retraining_by_hand(
    mine: Finished,
) -> None:
    pipeline = mine.box.pipeline
    with mine.instance() as instance:
        # The first version replaced nobody.
        assert attempts_of(instance, pipeline) == []
    mine.unlearn("2013-02")
    say(mine, "performance", "calibration", "alarm")
    mine.box.declare(lambda declared: declared["model"].update(seed=1))
    with mine.instance() as instance, dagsters_own_warnings():
        result = run_due(
            definitions(mine.box),
            mine.box.pipeline,
            due(mine.box.pipeline, mine.settings),
            instance,
        )
        assert result.success
        (attempt,) = attempts_of(instance, pipeline)
        assert (attempt.status, attempt.attempt) == ("succeeded", 1)
        # Deciding in the run itself, it is no reason to wait for its end.
        found = newest_decision(instance, pipeline)
        assert found is not None
        assert (found.action, "has been running" in found.reason) == ("hold", False)
        assert isinstance(tick(mine, instance), dg.SkipReason)


@pytest.mark.slow
def test_a_failed_attempt_is_tried_again_after_a_while_up_to_the_limit(mine: Finished) -> None:
    mine.unlearn("2013-02")
    mine.box.declare(
        lambda declared: declared.update(
            retraining={"attempts": {"limit": 2, "backoff_minutes": 1}}
        )
    )
    say(mine, "performance", "calibration", "alarm")
    assert not mine.run(DECISION)
    # Every training fails: there are never enough rows.
    mine.box.declare(lambda declared: declared["model"].update(minimum_rows=10_000_000))
    with mine.instance() as instance:
        first = tick(mine, instance)
        assert isinstance(first, dg.RunRequest)
        assert not launch(mine, instance, first).success
        waiting = tick(mine, instance)
        assert isinstance(waiting, dg.SkipReason)
        assert "attempt 1 failed" in str(waiting.skip_message)
        with pytest.MonkeyPatch.context() as patch:
            from datetime import UTC, datetime, timedelta

            from ml_assets import clock

            patch.setenv(clock.NOW, (datetime.now(UTC) + timedelta(minutes=2)).isoformat())
            second = tick(mine, instance)
            assert isinstance(second, dg.RunRequest)
            assert second.run_key == str(first.run_key).replace("/1", "/2")
            assert not launch(mine, instance, second).success
            given_up = tick(mine, instance)
        assert isinstance(given_up, dg.SkipReason)
        assert "given up" in str(given_up.skip_message)


@pytest.mark.slow
def test_the_sensor_is_on_and_a_tick_needs_neither_lake_nor_mlflow(mine: Finished) -> None:
    mine.unlearn("2013-02")
    pipeline = mine.box.pipeline
    sensor = retraining_sensor(pipeline, retraining_job(pipeline))
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    say(mine, "performance", "calibration", "alarm")
    assert not mine.run(DECISION)
    hidden = mine.settings.data.rename(mine.settings.data.with_name("hidden"))
    kept = {name: module for name, module in sys.modules.items() if name.startswith("mlflow")}
    for name in kept:
        del sys.modules[name]
    try:
        with mine.instance() as instance:
            assert isinstance(tick(mine, instance), dg.RunRequest)
        assert not any(name.startswith("mlflow") for name in sys.modules)
    finally:
        sys.modules.update(kept)
        hidden.rename(mine.settings.data)
