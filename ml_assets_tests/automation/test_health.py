"""Automation watches itself: on a real instance, with what a daemon would have stored there."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from ml_assets.automation.health import CHECK, NEVER, PATIENCE, automation_faults, run_faults
from ml_assets.automation.jobs import DAILY, pipeline_automation, watched
from ml_assets.automation.loop_state import loop_lines
from ml_assets.warehouse.appended import DecisionRow, PromotionRow, append
from ml_assets.warehouse.liveness import hold
from ml_assets_tests.assets.running import checks, dagsters_own_warnings, definitions
from ml_assets_tests.assets.test_decision import DECISION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml_assets_tests.finished import Finished
    from ml_assets_tests.sandbox import Sandbox

LONG_AGO = timedelta(days=3)
ERROR = SerializableErrorInfo(
    "SensorExecutionError: Error occurred\n",
    [],
    "SensorExecutionError",
    cause=SerializableErrorInfo("OSError: no space left\n  on the disk", [], "OSError"),
)


def sensor(seconds: int | None = 60, *, on: bool = True) -> dg.SensorDefinition:
    status = dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(name="looks", minimum_interval_seconds=seconds, default_status=status)
    def looks() -> dg.SkipReason:
        return dg.SkipReason("nothing")

    return looks


def schedule(cron: str = DAILY) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name="daily",
        job_name="job",
        cron_schedule=cron,
        execution_timezone="Europe/Berlin",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


@dataclass(frozen=True)
class Daemon:
    """What a daemon writes into an instance."""

    instance: dg.DagsterInstance

    def beat(
        self, ago: timedelta = timedelta(0), error: SerializableErrorInfo | None = None
    ) -> None:
        for name in self.instance.get_required_daemon_types():
            found = DaemonHeartbeat(
                (datetime.now(UTC) - ago).timestamp(), name, "one", [error] if error else []
            )
            self.instance.add_daemon_heartbeat(found)

    def sees(
        self,
        item: dg.SensorDefinition | dg.ScheduleDefinition,
        *,
        since: timedelta = LONG_AGO,
        status: InstigatorStatus = InstigatorStatus.DECLARED_IN_CODE,
    ) -> InstigatorState:
        began = (datetime.now(UTC) - since).timestamp()
        target = LoadableTargetOrigin(module_name="ml_assets.definitions")
        place = InProcessCodeLocationOrigin(target, location_name="ml_assets")
        origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(place, "__repository__"), item.name)
        of_sensor = isinstance(item, dg.SensorDefinition)
        state = InstigatorState(
            origin,
            InstigatorType.SENSOR if of_sensor else InstigatorType.SCHEDULE,
            status,
            SensorInstigatorData(last_sensor_start_timestamp=began)
            if of_sensor
            else ScheduleInstigatorData(DAILY, began),
        )
        self.instance.add_instigator_state(state)
        return state

    def ticks(
        self,
        state: InstigatorState,
        at: datetime,
        status: TickStatus = TickStatus.SKIPPED,
    ) -> None:
        self.instance.create_tick(
            TickData(
                state.instigator_origin_id,
                state.name,
                state.instigator_type,
                status,
                at.timestamp(),
                run_ids=[],
                error=ERROR if status == TickStatus.FAILURE else None,
                skip_reason="nothing" if status == TickStatus.SKIPPED else None,
                selector_id=state.selector_id,
            )
        )


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    with dg.DagsterInstance.local_temp(str(home)) as found:
        found.all_instigator_state()
        found.get_daemon_heartbeats()
    return home


@pytest.fixture
def instance(empty_home: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = shutil.copytree(empty_home, tmp_path / "home")
    with dg.DagsterInstance.local_temp(str(home)) as found:
        yield found


@pytest.fixture
def daemon(instance: dg.DagsterInstance) -> Daemon:
    found = Daemon(instance)
    found.beat()
    return found


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


def test_where_no_daemon_ever_ran_that_is_all_there_is_to_say(
    instance: dg.DagsterInstance,
) -> None:
    assert automation_faults(instance, [sensor(), schedule()]) == [NEVER]


def test_what_ticks_in_time_and_as_declared_is_well(daemon: Daemon) -> None:
    looks, daily = sensor(), schedule()
    daemon.ticks(daemon.sees(looks), ago(seconds=50))
    daemon.ticks(daemon.sees(daily), ago(seconds=1), TickStatus.SUCCESS)
    assert automation_faults(daemon.instance, [looks, daily]) == []
    # Until the daemon reads the declaration again, its state is of the one before.
    assert automation_faults(daemon.instance, [sensor(on=False)]) == []


@pytest.mark.parametrize(
    ("status", "on", "words"),
    [
        (InstigatorStatus.STOPPED, True, "looks is off and is declared to be on"),
        (InstigatorStatus.RUNNING, False, "looks is on and is declared to be off"),
    ],
)
def test_what_somebody_switched_is_told(
    daemon: Daemon, status: InstigatorStatus, on: bool, words: str
) -> None:
    looks = sensor(on=on)
    daemon.ticks(daemon.sees(looks, status=status), ago(seconds=1))
    assert automation_faults(daemon.instance, [looks]) == [words]


def test_what_the_daemon_never_saw_is_told_only_where_it_should_be_on(daemon: Daemon) -> None:
    (fault,) = automation_faults(daemon.instance, [sensor()])
    assert fault == "looks is declared to be on and the daemon has not seen it"
    assert automation_faults(daemon.instance, [sensor(on=False)]) == []


def test_an_error_is_told_with_its_cause_until_a_tick_succeeds(daemon: Daemon) -> None:
    looks = sensor()
    state = daemon.sees(looks)
    daemon.ticks(state, ago(minutes=9), TickStatus.SUCCESS)
    for minutes in (4, 3, 2):
        daemon.ticks(state, ago(minutes=minutes), TickStatus.FAILURE)
    # One that goes on has not ended well yet.
    daemon.ticks(state, ago(minutes=1), TickStatus.STARTED)
    (fault,) = automation_faults(daemon.instance, [looks])
    first = ago(minutes=4)
    assert fault == (
        f"looks failed at its last 3 ticks, since {first:%Y-%m-%d %H:%M} UTC:"
        " OSError: no space left"
    )
    daemon.ticks(state, ago(seconds=1))
    assert automation_faults(daemon.instance, [looks]) == []


@pytest.mark.parametrize("every", [None, 60, 3600])
def test_a_sensor_is_late_after_its_pause_and_some_patience(
    daemon: Daemon, every: int | None
) -> None:
    looks = sensor(every)
    state = daemon.sees(looks)
    allowed = PATIENCE + timedelta(seconds=every or 30)
    daemon.ticks(state, datetime.now(UTC) - allowed - timedelta(minutes=1))
    (fault,) = automation_faults(daemon.instance, [looks])
    assert f"looks is late: due every {every or 30} s" in fault
    daemon.ticks(state, datetime.now(UTC) - allowed + timedelta(minutes=1))
    assert automation_faults(daemon.instance, [looks]) == []


def test_a_sensor_that_was_just_switched_on_is_not_late(daemon: Daemon) -> None:
    looks = sensor()
    daemon.sees(looks, since=timedelta(minutes=1))
    assert automation_faults(daemon.instance, [looks]) == []


def test_a_schedule_whose_moment_passed_without_a_tick_is_late(daemon: Daemon) -> None:
    moment = ago(minutes=PATIENCE.seconds // 60 + 2).replace(second=0, microsecond=0)
    daily = schedule(f"{moment.minute} * * * *")
    state = daemon.sees(daily)
    daemon.ticks(state, moment - timedelta(hours=1), TickStatus.SUCCESS)
    (fault,) = automation_faults(daemon.instance, [daily])
    assert fault.startswith(f"daily is late: it was due at {moment:%Y-%m-%d %H:%M} UTC")
    daemon.ticks(state, moment, TickStatus.SUCCESS)
    assert automation_faults(daemon.instance, [daily]) == []


@pytest.mark.parametrize(("due", "on_since"), [(20, 15), (2, 50)])
def test_a_schedule_is_not_late_for_what_was_due_before_it_was_on_or_only_just(
    daemon: Daemon, due: int, on_since: int
) -> None:
    daily = schedule(f"{ago(minutes=due).minute} * * * *")
    daemon.sees(daily, since=timedelta(minutes=on_since))
    assert automation_faults(daemon.instance, [daily]) == []


def test_a_dead_daemon_is_told_once_and_not_by_everything_it_ticked(daemon: Daemon) -> None:
    looks, daily = sensor(), schedule("* * * * *")
    for item in (looks, daily):
        daemon.ticks(daemon.sees(item), ago(hours=5))
    daemon.beat(ago=timedelta(hours=5))
    (fault,) = automation_faults(daemon.instance, [looks, daily])
    assert fault.startswith(f"the daemon's last sign of life is of {ago(hours=5):%Y-%m-%d}")
    daemon.beat(ago=PATIENCE - timedelta(minutes=1))
    assert len(automation_faults(daemon.instance, [looks, daily])) == 2


def test_a_daemon_that_errs_is_told(daemon: Daemon) -> None:
    daemon.beat(error=ERROR)
    faults = automation_faults(daemon.instance, [])
    assert "the sensor daemon fails: OSError: no space left" in faults


def test_everything_the_loop_lives_by_is_watched(shop_as_built: Sandbox) -> None:
    with dagsters_own_warnings():
        names = {item.name for item in watched(pipeline_automation(shop_as_built.pipeline))}
    assert names == {
        "shop_decide",
        "shop_retraining",
        "shop_decide_after_failure",
        "alert_failed_runs",
        "alert_failing_checks",
    }


def test_a_run_that_failed_or_lost_its_process_is_told(shop: Sandbox) -> None:
    with dagsters_own_warnings():
        jobs = {job.name for job in pipeline_automation(shop.pipeline)["jobs"]}
    with dg.DagsterInstance.ephemeral() as instance:

        def faults() -> list[str]:
            return [*run_faults(instance, shop.pipeline, jobs, shop.settings)]

        other = instance.create_run_for_job(_job("shop_loop_refresh"))
        instance.report_run_failed(other)
        assert faults() == []
        failed = instance.create_run_for_job(_job("shop_refresh"))
        instance.report_run_failed(failed)
        (line,) = faults()
        assert line.startswith(f"the newest run, {failed.run_id[:8]} of shop_refresh, failed at 2")
        killed = instance.create_run_for_job(
            _job("shop_retraining"), status=dg.DagsterRunStatus.STARTED
        )
        with hold(killed.run_id, shop.settings):
            assert faults() == []
        # What a kill leaves: the file without its lock.
        lock = shop.settings.data / "runs" / f"{killed.run_id}.lock"
        lock.touch()
        (line,) = faults()
        assert line.startswith(f"run {killed.run_id[:8]} of shop_retraining was killed")


def _job(name: str) -> dg.JobDefinition:
    @dg.op
    def nothing() -> None:
        """Do nothing."""

    return dg.GraphDefinition(name=name, node_defs=[nothing]).to_job()


def test_a_champion_that_lost_its_alias_is_told_with_monitors_and_decision(mine: Finished) -> None:
    mine.client().delete_registered_model_alias("flights", "champion")
    first, *rest = loop_lines(mine.box.pipeline, mine.settings)
    assert first == "Champion  none: version 1 lost the alias"
    assert [line.split()[0] for line in rest[:2]] == ["Monitors", "Decision"]


def test_what_became_of_a_decision_is_told_though_no_other_followed(mine: Finished) -> None:
    now = datetime.now(UTC)
    asked = DecisionRow(
        decided_at=now,
        event_time=now,
        action="retrain",
        cause="calibration",
        reason="as planted",
        episode="calibration-2013-03",
        until=None,
        run_id="planted",
    )
    of_another, own = (
        PromotionRow(
            promoted_at=now + timedelta(hours=1),
            promoted=False,
            from_version=1,
            to_version=2,
            reason="no better",
            decided_by="gate",
            episode=episode,
        )
        for episode in ("calibration-2013-02", asked.episode)
    )
    told = []
    with mine.box.lake() as con:
        for row in (asked, of_another, own):
            append(con, "flights", row, on_wait=pytest.fail)
            lines = loop_lines(mine.box.pipeline, mine.settings)
            told.append([line for line in lines if line.startswith(("Decision", "Outcome"))])
    assert told[0] == told[1] == told[2][:1]
    minute = f"{own.promoted_at:%Y-%m-%d %H:%M} UTC"
    assert told[2][1:] == [f"Outcome   {minute} version 2 stays challenger (gate): no better"]


@pytest.mark.slow
def test_every_decision_is_followed_by_the_check(mine: Finished) -> None:
    answers = []
    with mine.instance() as instance, dagsters_own_warnings():
        job = definitions(mine.box).resolve_job_def("flights_decide")
        daemon = Daemon(instance)
        for _ in range(2):
            result = job.execute_in_process(instance=instance)
            assert result.success
            answers.append(checks(result, DECISION)[CHECK])
            daemon.beat()
    before, after = answers
    # Where nothing is automated nothing can be late.
    assert (before.passed, before.description) == (True, NEVER)
    assert (after.passed, after.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "flights_retraining is declared to be on and the daemon has not seen it" in str(
        after.description
    )
    assert "flights_decide is" not in str(after.description)
