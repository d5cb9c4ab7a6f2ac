"""What a run would build: nothing when all is up to date, else what and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets import clock
from ml_assets.automation.due import REBUILT, Due, due
from ml_assets.automation.launch import run_due
from ml_assets.warehouse.appended import PromotionRow, append
from ml_assets.warehouse.settings import Settings
from ml_assets_tests.assets.contenders import register_like
from ml_assets_tests.assets.running import dagsters_own_warnings, definitions
from ml_assets_tests.sandbox import build, ignore_waiting, refresh

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished


def found(finished: Finished) -> Due:
    return due(finished.box.pipeline, finished.settings)


BUILT = dg.DagsterEventType.ASSET_MATERIALIZATION
NEVER = "predictions.scores was never built"


def built_in(run: dg.DagsterRun, instance: dg.DagsterInstance) -> set[str]:
    """Return the last part of the name of everything that a run materialized."""
    entries = instance.all_logs(run.run_id, of_type=BUILT)
    keys = [entry.get_dagster_event().asset_key for entry in entries]
    return {key.path[-1] for key in keys if key is not None}


@pytest.mark.slow
def test_nothing_is_due_after_a_run(mine: Finished) -> None:
    assert found(mine) == Due([], None, NEVER)
    with mine.instance() as instance, dagsters_own_warnings():
        result = run_due(definitions(mine.box), mine.box.pipeline, found(mine), instance)
    assert result.success
    assert found(mine) == Due([], None)
    assert len(mine.versions()) == 1


def test_another_declared_model_makes_the_model_due(mine: Finished) -> None:
    mine.box.declare(lambda declared: declared["model"].update(seed=1))
    assert found(mine) == Due([], "code changed since version 1: training")


def test_changed_sources_make_what_depends_on_them_due(mine: Finished) -> None:
    mine.box.edit("flights", lambda lines: lines[:-50])
    now = found(mine)
    assert {"raw.flights", "cleaned.arrivals"} <= {step.node.dotted for step in now.steps}
    assert "raw.weather" not in {step.node.dotted for step in now.steps}
    assert now.model == REBUILT


@pytest.mark.slow
def test_data_refreshed_without_the_model_makes_the_model_due(mine: Finished) -> None:
    mine.box.edit("weather", lambda lines: [*lines[:200], *lines[400:]])
    with mine.box.lake() as con:
        assert refresh(con, mine.box.pipeline)
    now = found(mine)
    assert now.steps == []
    assert now.model is not None
    assert now.model.startswith("data changed since version 1: features.weather 2013-01")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("to_version", "promoted"), [(2, False), (3, True)], ids=["its look", "its refit went live"]
)
def test_a_version_without_an_alias_was_evaluated_if_the_ledger_knows_of_it(
    mine: Finished, to_version: int, promoted: bool
) -> None:
    register_like(mine)
    assert found(mine) == Due([], "version 2 was never evaluated and promoted")
    row = PromotionRow(
        promoted_at=clock.now(),
        promoted=promoted,
        from_version=1,
        to_version=to_version,
        reason="a look",
        decided_by="gate",
        numbers={"challenger": 2},
    )
    with mine.box.lake() as con:
        append(con, "flights", row, on_wait=ignore_waiting)
    assert not mine.versions()[-1].aliases
    assert found(mine) == Due([], None, NEVER)


@pytest.mark.slow
def test_the_same_data_loaded_again_makes_nothing_due(mine: Finished) -> None:
    with mine.box.lake() as con:
        for name in ("raw.weather", "cleaned.weather", "features.weather"):
            build(con, mine.box.pipeline, mine.box.pipeline.node(name))
    assert found(mine) == Due([], None, NEVER)


@pytest.mark.slow
def test_without_a_store_or_a_lake_all_is_due(
    mine: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mine.settings.data / "mlflow" / "mlflow.db").unlink()
    assert found(mine) == Due([], "no version is registered")
    monkeypatch.setenv("ML_ASSETS_DATA", str(mine.box.root / "nowhere"))
    now = due(mine.box.pipeline, Settings.from_environment())
    tables = {step.node.dotted for step in now.steps}
    assert tables == {node.dotted for node in mine.box.pipeline.ordered}


@pytest.mark.slow
def test_a_run_builds_what_is_due_and_no_more(mine: Finished) -> None:
    def later(lines: list[str]) -> list[str]:
        return [line for number, line in enumerate(lines) if number == 0 or number % 700]

    mine.box.edit("weather", later)
    now = found(mine)
    assert {step.node.dotted for step in now.steps} == {
        "raw.weather",
        "cleaned.weather",
        "features.weather",
    }
    with mine.instance() as instance, dagsters_own_warnings():
        assert run_due(definitions(mine.box), mine.box.pipeline, now, instance).success
        after, tables = (built_in(one, instance) for one in instance.get_runs(limit=2))
    assert tables == {"weather"}
    model = {"training_set", "model", "evaluation", "promotion"}
    loop = {"data_quality", "reference", "scores", "days", "drift", "performance"}
    assert after == {*model, *loop, "retraining_decision"}
    assert found(mine) == Due([], None)
    assert [one.aliases for one in mine.versions()] == [("champion",), ("challenger",)]
