from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets.assets import pipeline_assets
from ml_assets.automation import pipeline_automation
from ml_assets.automation.reach import RANGE_END, RANGE_START, range_tags
from ml_assets.component.folder import load_folder
from ml_assets_tests.automation.sandbox import SHOP, edit

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.tables.pipeline import Pipeline

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SHOP, tmp_path / "shop")


def definitions(pipeline: Pipeline) -> dg.Definitions:
    resources = {"shop_lake": None, "run_guard": None}
    return dg.Definitions(
        assets=pipeline_assets(pipeline), resources=resources, **pipeline_automation(pipeline)
    )


def refresh(pipeline: Pipeline) -> dg.ScheduleDefinition | None:
    """Return the schedule that refreshes the pipeline, None where none is declared."""
    schedules = pipeline_automation(pipeline)["schedules"]
    return next((one for one in schedules if one.name == "shop_refresh"), None)


@pytest.mark.parametrize(("closed", "state"), [(True, "STOPPED"), (False, "RUNNING")])
def test_an_open_history_is_decided_upon_daily(folder: Path, closed: bool, state: str) -> None:
    if not closed:
        edit(folder / "defs.yaml", (', end: "2024-03"', ""))
    schedules = pipeline_automation(load_folder(folder))["schedules"]
    (daily,) = (one for one in schedules if one.name == "shop_decide")
    assert (daily.default_status.value, daily.cron_schedule) == (state, "30 6 * * *")


def selected(defs: dg.Definitions, job: str) -> set[str]:
    return {
        key.to_user_string() for key in defs.resolve_job_def(job).asset_layer.executable_asset_keys
    }


def test_one_job_builds_everything_one_the_tables_one_walks_forward(folder: Path) -> None:
    defs = definitions(load_folder(folder))
    tables = {
        "shop/raw/orders",
        "shop/cleaned/orders",
        "shop/cleaned/deliveries",
        "shop/features/orders",
    }
    models = {"shop/training_set", "shop/model", "shop/evaluation", "shop/promotion"}
    models |= {"shop/monitoring/reference"}
    monitors = {f"shop/monitoring/{name}" for name in ("data_quality", "drift", "performance")}
    loop = monitors | {
        "shop/predictions/scores",
        "shop/monitoring/days",
        "shop/retraining_decision",
    }
    assert selected(defs, "shop_pipeline") == tables | models | loop
    assert selected(defs, "shop_refresh") == tables | loop
    assert selected(defs, "shop_retraining") == models
    assert selected(defs, "shop_decide") == {"shop/retraining_decision"}
    assert selected(defs, "shop_evaluate") == {"shop/walk_forward"}


@pytest.mark.parametrize(("text", "state"), [("false", "STOPPED"), ("true", "RUNNING")])
def test_the_schedule_has_the_declared_state_and_asks_for_every_partition(
    folder: Path, text: str, state: str
) -> None:
    edit(folder / "defs.yaml", ("enabled: false", f"enabled: {text}"))
    schedule = refresh(load_folder(folder))
    assert schedule is not None
    assert schedule.default_status.value == state
    assert schedule.execution_timezone == "Europe/Berlin"
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_schedule_context(
            instance, scheduled_execution_time=datetime(2024, 5, 1, 6, tzinfo=UTC)
        ) as context,
    ):
        request = schedule(context)
    assert isinstance(request, dg.RunRequest)
    assert request.tags[RANGE_START] == "2024-01"
    assert request.tags[RANGE_END] == "2024-03"
    assert request.run_key == "2024-05-01T06:00:00+00:00"


def test_no_schedule_is_made_where_none_is_declared(folder: Path) -> None:
    edit(folder / "defs.yaml", ('  schedule: {cron: "0 6 * * *", enabled: false}\n', ""))
    assert refresh(load_folder(folder)) is None


def test_an_open_history_grows_with_the_clock(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(folder / "defs.yaml", (', end: "2024-03"', ""))
    pipeline = load_folder(folder)
    monkeypatch.setenv("ML_ASSETS_NOW", "2024-02-29T22:59:59+00:00")
    assert range_tags(pipeline) == {RANGE_START: "2024-01", RANGE_END: "2024-01"}
    monkeypatch.setenv("ML_ASSETS_NOW", "2024-02-29T23:00:00+00:00")
    assert range_tags(pipeline) == {RANGE_START: "2024-01", RANGE_END: "2024-02"}
    monkeypatch.setenv("ML_ASSETS_NOW", "2024-01-05T00:00:00+00:00")
    assert range_tags(pipeline) == {}
    schedule = refresh(pipeline)
    assert schedule is not None
    with dg.build_schedule_context(
        scheduled_execution_time=datetime(2024, 1, 5, tzinfo=UTC)
    ) as context:
        skipped = schedule(context)
    assert isinstance(skipped, dg.SkipReason)
    assert skipped.skip_message == "No month is over yet."
