"""A challenger whose look found no rows: it waits, and is looked at once there are some."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets.assets.attempts import attempts_of
from ml_assets.loop import gate
from ml_assets.registry.record import FILE, read_record
from ml_assets_tests.assets.contenders import (
    aliases_of,
    ledger_of,
    let_slow,
    register_like,
    weaken,
)
from ml_assets_tests.assets.running import failed
from ml_assets_tests.assets.test_decision import DECISION, decided, say
from ml_assets_tests.automation.jobs import refreshed
from ml_assets_tests.automation.test_changed_code import CELSIUS
from ml_assets_tests.automation.test_retraining import launch, tick

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished

MONTHS = ("2013-01", "2013-02", "2013-03")


def let_champion_know(mine: Finished, *months: str) -> None:
    """Let the champion say that it was trained on `months` and no others."""
    (version,) = (one for one in mine.versions() if "champion" in one.aliases)
    record = read_record(mine.settings.tracking_uri, version.run_id)
    windows = {"train": [*months], "tune": [], "test": []}
    text = replace(record, windows=windows).to_json()
    mine.client().log_text(version.run_id, text, FILE)


def evaluated(mine: Finished) -> tuple[str, str | None, str]:
    """Decide once more; return the decision."""
    before = len(decided(mine))
    assert not mine.run(DECISION)
    assert len(decided(mine)) == before + 1
    return decided(mine)[-1]


def carried_out(mine: Finished) -> dg.RunRequest:
    """Let the sensor's run be done; return what it asked for."""
    with mine.instance() as instance:
        request = tick(mine, instance)
        assert isinstance(request, dg.RunRequest), request.skip_message
        assert launch(mine, instance, request).success
        assert isinstance(tick(mine, instance), dg.SkipReason)
    return request


@pytest.mark.slow
def test_a_challenger_without_rows_waits_and_is_judged_once_without_training_again(
    mine: Finished,
) -> None:
    mine.box.declare(let_slow)
    weaken(mine)
    let_champion_know(mine, *MONTHS)
    challenger = register_like(mine)
    assert not mine.run("promotion")
    (*_, nothing) = ledger_of(mine)
    assert (nothing.promoted, nothing.to_version, nothing.waits) == (False, 3, True)
    say(mine, "performance", "calibration", "alarm", version=2)
    waits = "Version 3 waits for rows that neither version was trained on: 0 of 1 month so far"
    for _ in range(2):
        assert evaluated(mine) == ("hold", "challenger", waits)
    with mine.instance() as instance:
        assert isinstance(tick(mine, instance), dg.SkipReason)
    # March was not seen after all: the rows are there.
    let_champion_know(mine, *MONTHS[:2])
    judge = evaluated(mine)
    assert judge == ("judge", "challenger", waits.replace("0 of", "1 of"))
    request = carried_out(mine)
    assert request.run_key == "flights/challenger-3/1"
    (*_, look) = ledger_of(mine)
    assert look.promoted
    assert look.numbers["challenger"] == challenger.version
    assert aliases_of(mine) == {"champion": 4, "previous": 2}
    assert evaluated(mine)[0] != "judge"
    with mine.instance() as instance:
        (run,) = attempts_of(instance, mine.box.pipeline)
    assert (run.episode, run.status) == ("challenger-3", "succeeded")


@pytest.mark.slow
def test_a_challenger_that_lost_had_its_look(mine: Finished) -> None:
    register_like(mine)
    let_champion_know(mine, *MONTHS)
    assert not mine.run("promotion")
    let_champion_know(mine, *MONTHS[:2])
    assert evaluated(mine)[0] == "judge"
    carried_out(mine)
    (*_, nothing, look) = ledger_of(mine)
    assert (nothing.waits, look.waits, look.promoted) == (True, False, False)
    assert evaluated(mine)[1] != "challenger"
    assert not mine.run("promotion")
    assert ledger_of(mine)[-1] == look
    assert "one look per version" in mine.latest("promotion")["look"]


@pytest.mark.longest
def test_a_look_at_too_few_rows_waits_for_more_than_there_were(
    mine: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_like(mine)
    monkeypatch.setattr(gate, "FEWEST_CLUSTERS", 40)
    assert not mine.run("promotion")
    (*_, look) = ledger_of(mine)
    assert (look.waits, look.numbers["window"]) == (True, ["2013-03"])
    action, cause, reason = evaluated(mine)
    assert (action, cause) == ("hold", "challenger")
    assert reason.endswith("trained on: 1 of 2 months so far")


@pytest.mark.slow
def test_new_code_waits_for_rows_and_tells_people_meanwhile(monitored: Finished) -> None:
    mine = monitored
    mine.box.declare(let_slow)
    weaken(mine)
    let_champion_know(mine, *MONTHS)
    mine.box.replace("features.weather", *CELSIUS)
    assert not failed(refreshed(mine))
    assert decided(mine)[-1][:2] == ("retrain", "code")
    carried_out(mine)
    assert ledger_of(mine)[-1].waits
    action, cause, reason = evaluated(mine)
    assert (action, cause) == ("blocked", "code")
    assert "Version 3 waits for rows that neither version was trained on: 0 of 1 month" in reason
    assert "`ml-assets promote flights 3`" in reason
    let_champion_know(mine, *MONTHS[:2])
    assert evaluated(mine)[0] == "judge"
    carried_out(mine)
    (*_, look) = ledger_of(mine)
    assert look.promoted
    assert look.numbers["champion_snapshot"] < look.numbers["snapshot"]
    assert not failed(refreshed(mine))
    assert decided(mine)[-1][1] != "code"
    assert mine.latest("predictions/scores")["model_version"] == look.to_version
