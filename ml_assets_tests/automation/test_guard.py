"""Recovery on a real instance, a real MLflow store and processes that are really killed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from ml_assets.automation.guard import RunGuard, recover
from ml_assets.registry import orphans
from ml_assets.registry.tracking import open_run
from ml_assets.warehouse import liveness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml_assets.warehouse.settings import Settings

HOLD = """
import sys
from ml_assets.registry import tracking
from ml_assets.warehouse import liveness
from ml_assets.warehouse.settings import Settings
settings = Settings.from_environment()
with liveness.hold(sys.argv[1], settings):
    with tracking.open_run(settings.tracking_uri, "shop", artifact_root=settings.artifact_root,
                           dagster_run_id=sys.argv[1], tags={}) as handle:
        print(handle.run_id, flush=True)
        sys.stdin.read()
"""


FINISH = HOLD.replace(
    """        print(handle.run_id, flush=True)
        sys.stdin.read()
""",
    """        pass
    print(handle.run_id, flush=True)
    sys.stdin.read()
""",
)
"""Here the MLflow run is over before the kill."""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "home"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as found:
        yield found


def started(instance: dg.DagsterInstance) -> str:
    """Return the id of a run that its process began."""
    run = instance.create_run_for_job(
        dg.Definitions(assets=[_asset()], jobs=[dg.define_asset_job("job")]).resolve_job_def("job")
    )
    instance.report_dagster_event(
        dg.DagsterEvent(event_type_value="PIPELINE_START", job_name="job"), run_id=run.run_id
    )
    return run.run_id


def _asset() -> dg.AssetsDefinition:
    @dg.asset
    def nothing() -> None:
        pass

    return nothing


def status(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status.value


def mlflow_status(settings: Settings, run_id: str) -> str:
    import mlflow

    client: Any = mlflow.MlflowClient(tracking_uri=settings.tracking_uri)
    return str(client.get_run(run_id).info.status)


@pytest.mark.slow
def test_a_killed_run_is_marked_and_a_live_one_is_left_alone(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    killed, alive = started(instance), started(instance)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, killed],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    mlflow_run = process.stdout.readline().strip()
    with liveness.hold(alive, settings):
        assert recover(instance, settings) == []
        assert mlflow_status(settings, mlflow_run) == "RUNNING"
        process.kill()
        process.communicate()
        assert recover(instance, settings) == [killed]
        assert status(instance, killed) == "FAILURE"
        assert status(instance, alive) == "STARTED"
        assert mlflow_status(settings, mlflow_run) == "FAILED"
        assert recover(instance, settings) == []
        assert [path.stem for path in (settings.data / "runs").iterdir()] == [alive]


@pytest.mark.slow
def test_a_model_that_was_not_registered_before_the_kill_is_a_failure(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    run_id = started(instance)
    process = subprocess.Popen(
        [sys.executable, "-c", FINISH, run_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    mlflow_run = process.stdout.readline().strip()
    assert recover(instance, settings) == []
    assert mlflow_status(settings, mlflow_run) == "FINISHED"
    process.kill()
    process.communicate()
    assert recover(instance, settings) == [run_id]
    assert mlflow_status(settings, mlflow_run) == "FAILED"


@pytest.mark.slow
def test_a_finished_run_without_a_version_stays_where_its_dagster_run_succeeded(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    run_id = started(instance)
    with open_run(
        settings.tracking_uri,
        "shop",
        artifact_root=settings.artifact_root,
        dagster_run_id=run_id,
        tags={},
    ) as handle:
        pass
    instance.report_dagster_event(
        dg.DagsterEvent(event_type_value="PIPELINE_SUCCESS", job_name="job"), run_id=run_id
    )
    recover(instance, settings)
    assert mlflow_status(settings, handle.run_id) == "FINISHED"


def test_a_run_on_another_machine_is_none_of_our_business(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    run_id = started(instance)
    assert recover(instance, settings) == []
    assert status(instance, run_id) == "STARTED"


@pytest.mark.slow
def test_the_mlflow_run_of_a_finished_dagster_run_is_closed(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    run_id = started(instance)
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            HOLD.replace("sys.stdin.read()", "__import__('os')._exit(9)"),
            run_id,
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.report_run_failed(run, "someone else marked it")
    recover(instance, settings)
    assert mlflow_status(settings, process.stdout.strip()) == "FAILED"


# Dagster's own resources read an attribute that pydantic has renamed.
@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")
def test_every_run_recovers_first_and_holds_its_lock_while_it_lasts(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    seen: list[str] = []
    killed = started(instance)
    lock = settings.data / "runs" / f"{killed}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()

    @dg.asset(required_resource_keys={"run_guard"})
    def looks() -> None:
        seen.extend(path.stem for path in lock.parent.iterdir())

    defs = dg.Definitions(
        assets=[looks],
        jobs=[dg.define_asset_job("job")],
        resources={"run_guard": RunGuard()},
        executor=dg.in_process_executor,
    )
    result = defs.resolve_job_def("job").execute_in_process(instance=instance)
    assert seen == [result.run_id]
    assert status(instance, killed) == "FAILURE"
    assert list(lock.parent.iterdir()) == []


def test_tracking_is_not_needed_to_recover_a_run_that_had_none(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    assert orphans.close_orphans(settings.tracking_uri, lambda _: None) == []
    assert recover(instance, settings) == []


@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")
def test_a_run_that_is_killed_when_only_its_end_is_not_stored_is_told(
    instance: dg.DagsterInstance, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, bool | None] = {}
    store = dg.DagsterInstance.handle_new_event

    def look(
        self: dg.DagsterInstance, event: dg.EventLogEntry, *, batch_metadata: object = None
    ) -> None:
        about = event.dagster_event
        if about is not None and about.event_type == dg.DagsterEventType.RUN_SUCCESS:
            # Killed here, the file would stay, and be locked no more.
            seen[event.run_id] = liveness.is_alive(event.run_id, settings)
        store(self, event, batch_metadata=batch_metadata)  # type: ignore[arg-type]

    monkeypatch.setattr(dg.DagsterInstance, "handle_new_event", look)

    @dg.asset(required_resource_keys={"run_guard"})
    def works() -> None:
        pass

    defs = dg.Definitions(
        assets=[works],
        jobs=[dg.define_asset_job("job")],
        resources={"run_guard": RunGuard()},
        executor=dg.in_process_executor,
    )
    result = defs.resolve_job_def("job").execute_in_process(instance=instance)
    assert seen == {result.run_id: True}
    assert list((settings.data / "runs").iterdir()) == []
