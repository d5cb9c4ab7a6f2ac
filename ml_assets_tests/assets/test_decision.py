"""The decision: one row per evaluation, with the reason, from what the monitors said."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ml_assets import clock
from ml_assets.assets.decision import newest_decision
from ml_assets.tables.findings import Found, read_findings, store_findings
from ml_assets.warehouse.appended import ResetRow, append, decisions, promotions
from ml_assets_tests.assets.running import failed, run

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished

DECISION = "retraining_decision"
LOOP = (
    "monitoring/reference",
    "predictions/scores",
    "monitoring/days",
    "monitoring/drift",
    "monitoring/performance",
)


def say(mine: Finished, monitor: str, cause: str, verdict: str, *, version: int = 1) -> None:
    """Store what a monitor says of the newest month."""
    pipeline = mine.box.pipeline
    window = pipeline.partitions.window(pipeline.partitions.keys()[-1])
    found = Found(
        cause=cause,
        verdict=verdict,
        period=window.name,
        event_time=window.end,
        reason=f"{cause}: as planted",
        model_version=version,
    )
    with mine.box.lake() as con:
        store_findings(
            con,
            pipeline,
            monitor,
            window,
            {window.name: [found]},
            lambda _: {},
            run_id="planted",
            on_wait=pytest.fail,
        )


def decided(mine: Finished) -> list[tuple[str, str | None, str]]:
    with mine.box.lake() as con:
        return [(row.action, row.cause, row.reason) for row in decisions(con, "flights")]


@pytest.mark.slow
def test_what_the_monitors_say_of_the_champion_is_decided_upon(mine: Finished) -> None:
    mine.unlearn("2013-02")
    assert not mine.run(*LOOP, DECISION, refresh=True)
    ((action, cause, reason),) = decided(mine)
    with mine.box.lake() as con:
        alarms = {
            one.cause
            for one in read_findings(con, mine.box.pipeline, "performance")
            if one.verdict == "alarm"
        }
    # A month of samples: what the policy does with it, the monitors must have said.
    assert (action == "retrain") == bool(alarms & {"calibration", "observed_expected"})
    assert cause in {None, "calibration"}
    assert reason


@pytest.mark.slow
def test_every_evaluation_is_one_row_with_both_times(mine: Finished) -> None:
    before = datetime.now(UTC)
    for _ in range(3):
        assert not mine.run(DECISION)
    with mine.box.lake() as con:
        rows = con.execute(
            "SELECT count(*), count(DISTINCT decided_at), min(wall_time) >= ?, count(run_id)"
            " FROM flights.ops.decisions",
            [before],
        ).fetchall()
    assert rows == [(3, 3, True, 3)]


@pytest.mark.slow
def test_an_alarm_opens_an_episode_that_is_repeated_until_it_ran(mine: Finished) -> None:
    mine.unlearn("2013-02")
    say(mine, "performance", "calibration", "alarm")
    assert not mine.run(DECISION)
    assert not mine.run(DECISION)
    month = mine.box.pipeline.partitions.keys()[-1]
    (first, second) = decided(mine)
    assert first == ("retrain", "calibration", f"Calibration alarm in {month}: as planted")
    assert second[:2] == ("retrain", "calibration")
    assert "has not started yet" in second[2]
    with mine.instance() as instance:
        found = newest_decision(instance, mine.box.pipeline)
    assert found is not None
    assert (found.action, found.episode) == ("retrain", f"calibration-{month}")
    with mine.box.lake() as con:
        rows = decisions(con, "flights")
    assert {row.episode for row in rows} == {found.episode}
    assert rows[-1].decided_at == found.decided_at


@pytest.mark.slow
def test_a_window_outside_its_band_speaks_for_calibration(mine: Finished) -> None:
    mine.unlearn("2013-02")
    say(mine, "performance", "observed_expected", "alarm")
    assert not mine.run(DECISION)
    assert decided(mine)[0][:2] == ("retrain", "calibration")


@pytest.mark.slow
def test_nothing_is_trained_while_the_champion_knows_all_that_could_train(mine: Finished) -> None:
    # January and February trained version 1, and March would be held out to judge a challenger.
    say(mine, "performance", "calibration", "alarm")
    assert not mine.run(DECISION)
    mine.unlearn("2013-02")
    assert not mine.run(DECISION)
    held, retrain = decided(mine)
    assert held[:2] == ("hold", "calibration")
    assert held[2].startswith("A challenger would learn nothing new")
    assert retrain[0] == "retrain"


def test_a_champion_that_lost_its_alias_blocks_until_somebody_says_who_is_live(
    mine: Finished,
) -> None:
    mine.client().delete_registered_model_alias("flights", "champion")
    with mine.instance() as instance:
        result = run(mine.box, DECISION, instance=instance)
    assert not failed(result)
    ((action, cause, reason),) = decided(mine)
    assert (action, cause) == ("blocked", "champion")
    assert "version 1 lost the alias champion" in reason
    passed = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
    assert not passed["unblocked"]


@pytest.mark.slow
def test_an_alias_moved_by_hand_is_written_down_with_the_next_decision(mine: Finished) -> None:
    client, (first,) = mine.client(), mine.versions()
    source = client.get_model_version("flights", "1")
    client.create_model_version(
        "flights", str(source.source), first.run_id, model_id=source.model_id
    )
    client.set_registered_model_alias("flights", "champion", "2")
    assert not mine.run(DECISION)
    with mine.box.lake() as con:
        rows = promotions(con, "flights")
    assert (rows[-1].from_version, rows[-1].to_version) == (1, 2)
    assert rows[-1].reason == "alias moved by hand in MLflow"


@pytest.mark.slow
def test_a_page_that_cannot_be_written_keeps_no_decision_from_the_sensor(mine: Finished) -> None:
    reports = mine.settings.data / "reports"
    shutil.rmtree(reports)
    reports.write_text("no folder")
    assert not mine.run(DECISION)
    with mine.instance() as instance:
        assert newest_decision(instance, mine.box.pipeline) is not None


@pytest.mark.slow
@pytest.mark.parametrize("cause", ["drift", "prediction_drift", "estimate"])
def test_what_only_informs_never_retrains(mine: Finished, cause: str) -> None:
    say(mine, "drift", cause, "alarm")
    assert not mine.run(DECISION)
    assert decided(mine)[0][0] == "hold"


@pytest.mark.slow
def test_broken_data_blocks_whatever_else_is_said(mine: Finished) -> None:
    say(mine, "performance", "calibration", "alarm")
    say(mine, "data_quality", "data_quality", "broken")
    assert not mine.run(DECISION)
    action, cause, reason = decided(mine)[0]
    assert (action, cause) == ("blocked", "data_quality")
    assert "as planted" in reason


@pytest.mark.slow
def test_what_was_said_of_another_version_does_not_count(mine: Finished) -> None:
    say(mine, "performance", "calibration", "alarm", version=7)
    assert not mine.run(DECISION)
    assert decided(mine)[0][0] == "hold"


@pytest.mark.slow
def test_the_calendar_asks_when_the_training_is_old(
    mine: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine.unlearn("2013-02")
    later = datetime.now(UTC) + timedelta(days=181)
    monkeypatch.setenv(clock.NOW, later.isoformat())
    assert not mine.run(DECISION)
    action, cause, reason = decided(mine)[0]
    assert (action, cause) == ("retrain", "calendar")
    assert "181 days old with 180 allowed" in reason
    with mine.box.lake() as con:
        (row,) = decisions(con, "flights")
    assert row.decided_at == later


@pytest.mark.slow
def test_a_reset_by_a_person_is_part_of_the_history(mine: Finished) -> None:
    with mine.box.lake() as con:
        now = datetime.now(UTC)
        row = ResetRow(reset_at=now, reason="looked", decided_by="someone")
        append(con, "flights", row, on_wait=pytest.fail)
    assert not mine.run(DECISION)
    assert decided(mine)[0][0] == "hold"
