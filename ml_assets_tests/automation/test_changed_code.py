"""A changed SELECT behind the champion: a successor is trained, nothing is scored wrong or red."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets.assets.attempts import attempts_of
from ml_assets.assets.live import promote_by_hand
from ml_assets.automation.loop_state import loop_lines
from ml_assets.warehouse import ledger
from ml_assets.warehouse.appended import decisions
from ml_assets_tests.assets.contenders import books, let_slow, weaken
from ml_assets_tests.assets.running import failed, run
from ml_assets_tests.assets.test_decision import DECISION
from ml_assets_tests.automation.jobs import refreshed, run_what_is_due
from ml_assets_tests.automation.test_retraining import launch, tick
from ml_assets_tests.conftest import _copy

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.warehouse.appended import DecisionRow
    from ml_assets.warehouse.settings import Settings
    from ml_assets_tests.finished import Finished

SCORES = "predictions/scores"
KELVIN = "    (weather.temperature - 32) / 1.8 + 273.15 AS temperature,"
CELSIUS = ("    weather.temperature,", "    (weather.temperature - 32) / 1.8 AS temperature,")


def stored(mine: Finished, table: str) -> list[tuple[str | None, str, int]]:
    with mine.box.lake() as con:
        slices = ledger.current(con, "flights")
    return [(one.partition, one.data_version, one.sequence) for one in slices if one.table == table]


def checks_that_failed(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    return {
        one.check_name: str(one.description)
        for one in result.get_asset_check_evaluations()
        if not one.passed and one.severity.value == "ERROR"
    }


def aliases(mine: Finished) -> list[tuple[str, ...]]:
    return [one.aliases for one in mine.versions()]


def newest(mine: Finished) -> DecisionRow:
    with mine.box.lake() as con:
        return decisions(con, "flights")[-1]


@pytest.fixture
def changed(monitored: Finished) -> Finished:
    """A pipeline whose temperatures are in another unit than the champion learned."""
    monitored.box.replace("features.weather", *CELSIUS)
    return monitored


@pytest.fixture(scope="module")
def run_after_it(
    monitored_as_built: Finished, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Finished, dg.ExecuteInProcessResult]:
    """The same after a run of what is due; to read only."""
    with pytest.MonkeyPatch.context() as patch:
        twin = _copy(monitored_as_built, tmp_path_factory.mktemp("changed"), patch)
        twin.box.replace("features.weather", *CELSIUS)
        return twin, run_what_is_due(twin)


@pytest.fixture
def succeeded(
    run_after_it: tuple[Finished, dg.ExecuteInProcessResult],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> Finished:
    """A copy of it to change at will; the environment points to it."""
    return _copy(run_after_it[0], tmp_path, monkeypatch)


@pytest.mark.slow
def test_a_run_trains_the_successor_and_says_what_to_type(
    monitored_as_built: Finished,
    run_after_it: tuple[Finished, dg.ExecuteInProcessResult],
    succeeded: Finished,
) -> None:
    _, result = run_after_it
    assert not failed(result)
    assert result.success
    # Nobody goes live unasked, and neither scores nor what is counted of them mixes two codes.
    assert aliases(succeeded) == [("champion",), ("challenger",)]
    for table in ("predictions.scores", "monitoring.days"):
        assert stored(succeeded, table) == stored(monitored_as_built, table)
    told = newest(succeeded)
    assert (told.action, told.cause) == ("blocked", "code")
    assert "version 1 was trained on other code of features.weather" in told.reason
    assert "`ml-assets promote flights 2`" in told.reason
    assert checks_that_failed(result) == {"unblocked": told.reason}
    lines = loop_lines(succeeded.box.pipeline, succeeded.settings)
    assert any(told.reason in line for line in lines)


@pytest.mark.slow
def test_the_successor_scores_once_it_is_promoted(succeeded: Finished) -> None:
    with books(succeeded) as found:
        promote_by_hand(found, 2, "a person")
    with succeeded.instance() as instance:
        assert not failed(run(succeeded.box, SCORES, instance=instance, refresh=True))
    with succeeded.box.lake() as con:
        versions = con.execute(
            "SELECT DISTINCT model_version FROM flights.predictions.scores"
        ).fetchall()
    assert versions == [(2,)]


@pytest.mark.longest
def test_a_feature_that_is_gone_is_not_taken_for_broken_data(monitored: Finished) -> None:
    monitored.box.declare(
        lambda declared: declared["features"]["weather"]["columns"].pop("visibility")
    )
    monitored.box.replace("features.weather", "    weather.visibility,\n", "")
    for action in ("builds", "builds nothing"):
        result = run_what_is_due(monitored) if action == "builds" else refreshed(monitored)
        assert not failed(result)
        assert newest(monitored).cause == "code"
    assert len(monitored.versions()) == 2


@pytest.mark.longest
def test_features_go_back_with_their_code(changed: Finished) -> None:
    before = stored(changed, "predictions.scores")
    assert not failed(refreshed(changed))
    changed.box.replace("features.weather", *CELSIUS[::-1])
    assert not failed(run_what_is_due(changed))
    assert stored(changed, "predictions.scores") == before
    # What the champion was trained on is there again: nothing is to be learned from it anew.
    assert aliases(changed) == [("champion",)]
    with changed.instance() as instance:
        assert attempts_of(instance, changed.box.pipeline) == []
    with changed.box.lake() as con:
        asked, free = decisions(con, "flights")
    assert (asked.action, asked.cause) == ("retrain", "code")
    # Nor is what was decided and not begun.
    assert free.cause != "code"


@pytest.mark.slow
def test_until_the_tables_are_built_by_it_new_code_waits(changed: Finished) -> None:
    assert not changed.run(DECISION)
    waiting = newest(changed)
    assert (waiting.action, waiting.cause) == ("blocked", "code")
    assert waiting.reason.count("`ml-assets run flights` trains a version") == 1


@pytest.mark.slow
def test_new_code_is_trained_judged_and_scored_with_without_a_hand(monitored: Finished) -> None:
    monitored.box.declare(let_slow)
    weaken(monitored)
    monitored.box.replace("features.weather", *CELSIUS)
    result = refreshed(monitored)
    assert checks_that_failed(result) == {}
    asked = newest(monitored)
    assert (asked.action, asked.cause) == ("retrain", "code")
    assert "version 2 was trained on other code of features.weather" in asked.reason
    with monitored.instance() as instance:
        request = tick(monitored, instance)
        assert isinstance(request, dg.RunRequest)
        assert request.run_key == f"flights/{asked.episode}/1"
        assert launch(monitored, instance, request).success
        assert isinstance(tick(monitored, instance), dg.SkipReason)
    with books(monitored) as found:
        look = found.rows()[-1]
    assert (look.promoted, look.decided_by, look.episode) == (True, "gate", asked.episode)
    assert not failed(refreshed(monitored))
    assert newest(monitored).cause != "code"
    told = monitored.latest(SCORES)
    assert (told["model_version"], told.get("held")) == (look.to_version, None)
    # What was given before stays; asked for by name it is given anew.
    assert not monitored.run(SCORES)
    with monitored.box.lake() as con:
        scored = con.execute("SELECT DISTINCT model_version FROM flights.predictions.scores")
        assert scored.fetchall() == [(look.to_version,)]


@pytest.mark.longest
def test_new_code_that_the_gate_turned_down_waits_for_a_person(changed: Finished) -> None:
    assert not failed(refreshed(changed))
    with changed.instance() as instance:
        request = tick(changed, instance)
        assert isinstance(request, dg.RunRequest)
        assert launch(changed, instance, request).success
    result = refreshed(changed)
    waiting = newest(changed)
    assert (waiting.action, waiting.cause) == ("blocked", "code")
    assert "`ml-assets promote flights 2`" in waiting.reason
    assert checks_that_failed(result) == {"unblocked": waiting.reason}
    with changed.instance() as instance:
        assert isinstance(tick(changed, instance), dg.SkipReason)
        assert len(attempts_of(instance, changed.box.pipeline)) == 1


@pytest.mark.slow
def test_a_better_successor_goes_live_by_the_gate(monitored: Finished) -> None:
    """Its rival answers with the features that its code computed before the change."""
    monitored.box.declare(let_slow)
    weaken(monitored)
    monitored.box.replace("features.weather", *CELSIUS)
    result = run_what_is_due(monitored)
    assert not failed(result)
    *_, successor, refit = monitored.versions()
    assert refit.refit_of == successor.version
    assert aliases(monitored) == [(), ("previous",), (), ("champion",)]
    with books(monitored) as found:
        look = found.rows()[-1]
    assert (look.promoted, look.decided_by, look.numbers["window"]) == (True, "gate", ["2013-03"])
    assert look.numbers["champion_snapshot"] < look.numbers["snapshot"]
    assert look.numbers["compared_with"] == 2
    assert newest(monitored).cause != "code"
    _and_its_successor_is_held_against_what_it_is_the_refit_of(monitored)


def _and_its_successor_is_held_against_what_it_is_the_refit_of(mine: Finished) -> None:
    """The refit has seen every month that there are features of its code for."""
    mine.box.replace("features.weather", CELSIUS[1], KELVIN)
    assert not failed(run_what_is_due(mine))
    *_, refit, successor = mine.versions()
    assert (refit.refit_of, refit.aliases, successor.refit_of) == (3, ("champion",), None)
    with books(mine) as found:
        look = found.rows()[-1]
    assert (look.from_version, look.to_version) == (4, 5)
    assert (look.numbers["compared_with"], look.numbers["window"]) == (3, ["2013-03"])
    assert look.numbers["champion_snapshot"] < look.numbers["snapshot"]
    assert look.reason.startswith("Version 3 answers for the champion, its refit version 4")
    assert not look.waits


@pytest.mark.slow
def test_a_successor_that_is_not_better_waits_and_the_gate_says_why(succeeded: Finished) -> None:
    with books(succeeded) as found:
        look = found.rows()[-1]
    assert not look.promoted
    assert look.numbers["criteria"][0]["name"] == "overall"
    assert look.numbers["champion_snapshot"] < look.numbers["snapshot"]


@pytest.mark.slow
def test_what_the_champion_never_saw_is_no_reason_against_it(changed: Finished) -> None:
    """Mended after the change, the rows would be judged beside features from before."""
    changed.box.edit("weather", lambda lines: [*lines[:-300], *lines[-150:]])
    assert run_what_is_due(changed).success
    with books(changed) as found:
        look = found.rows()[-1]
    assert not look.promoted
    assert look.reason.startswith("Not compared: version 1 was trained on other code of")
    assert "and the raw data is another since" in look.reason
