"""Registry and ledger agree: after a kill at any moment, after a hand in MLflow, and back again."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from ml_assets import clock
from ml_assets.assets.books import keep, record
from ml_assets.assets.live import NOTE, _note, go_live, promote_by_hand, roll_back, settle
from ml_assets.assets.predictions import resolve
from ml_assets.cli import main
from ml_assets.errors import TrackingError
from ml_assets.registry.versions import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    make_champion,
    set_alias,
)
from ml_assets.warehouse.appended import PromotionRow
from ml_assets.warehouse.snapshots import protected
from ml_assets_tests.assets.contenders import aliases_of, books, ledger_of, register_like
from ml_assets_tests.conftest import _copy
from ml_assets_tests.slow.sampled import KILLS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ml_assets.assets.books import Books
    from ml_assets.warehouse.settings import Settings
    from ml_assets_tests.finished import Finished

AT = datetime(2100, 7, 1, tzinfo=UTC)
"""Later than what the fixtures entered: the ledger is read in the order of its times."""


@pytest.fixture(scope="module")
def two_as_built(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A champion and a challenger; to read only."""
    with pytest.MonkeyPatch.context() as patch:
        twin = _copy(finished, tmp_path_factory.mktemp("two"), patch)
        set_alias(twin.settings.tracking_uri, register_like(twin), CHALLENGER)
        return twin


@pytest.fixture
def two(
    two_as_built: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> Finished:
    """A copy of them, to change at will; the environment points to it."""
    return _copy(two_as_built, tmp_path, monkeypatch)


def row(before: int = 1, to: int = 2) -> PromotionRow:
    return PromotionRow(
        promoted_at=AT,
        promoted=True,
        from_version=before,
        to_version=to,
        reason="better.",
        decided_by="gate",
        numbers={"criteria": [{"name": "overall", "numbers": {"gain": 0.25}}]},
    )


def noted(found: Books) -> None:
    keep(found, found.version(2))
    _note(found, found.version(2), row())


def live(found: Books) -> None:
    noted(found)
    set_alias(found.tracking_uri, found.version(2), CHAMPION)


def previous(found: Books) -> None:
    live(found)
    set_alias(found.tracking_uri, found.version(1), PREVIOUS)


def moved(found: Books) -> None:
    noted(found)
    make_champion(found.tracking_uri, found.version(2), found.version(1))


def recorded(found: Books) -> None:
    moved(found)
    record(found, row())


@pytest.mark.parametrize("killed", [noted, live, previous, moved, recorded])
def test_what_a_kill_left_over_is_finished_once(
    two: Finished, killed: Callable[[Books], None]
) -> None:
    with books(two) as found:
        killed(found)
        settle(found)
        assert settle(found) == []
        kept = {owner for owners in protected(found.con, "flights").values() for owner in owners}
    assert aliases_of(two) == {CHAMPION: 2, PREVIOUS: 1}
    assert NOTE not in two.versions()[1].tags
    first, second = ledger_of(two)
    assert first.to_version == 1
    # What never went live before the kill goes live now, and the ledger says so.
    expected = second.promoted_at if killed is noted else AT
    assert second == replace(row(), promoted_at=expected)
    assert kept == {"flights version 1", "flights version 2"}


def test_a_kill_loses_nothing_of_a_row_that_no_tag_could_hold(two: Finished) -> None:
    slices = [{"name": f"origin = {number}", "gain": number / 7} for number in range(2000)]
    told = replace(row(), numbers={"slices": slices, "why": "long. " * 2000})
    with books(two) as found:
        keep(found, found.version(2))
        _note(found, found.version(2), told)
        (written,) = settle(found)
    assert aliases_of(two) == {CHAMPION: 2, PREVIOUS: 1}
    assert NOTE not in two.versions()[1].tags
    assert ledger_of(two)[-1] == written == replace(told, promoted_at=written.promoted_at)


def test_nothing_moves_where_another_became_champion_meanwhile(two: Finished) -> None:
    register_like(two)
    with books(two) as found:
        promote_by_hand(found, 3, "a person")
        written = go_live(found, row())
    assert not written.promoted
    assert written.reason.startswith("overtaken: version 3 is champion, and it was decided against")
    assert aliases_of(two) == {CHAMPION: 3, PREVIOUS: 1, CHALLENGER: 2}
    assert ledger_of(two)[-1] == written


def test_a_note_that_was_overtaken_is_dropped(two: Finished) -> None:
    register_like(two)
    with books(two) as found:
        noted(found)
        set_alias(found.tracking_uri, found.version(3), CHAMPION)
        dropped, by_hand = settle(found)
    assert (dropped.promoted, dropped.to_version) == (False, 2)
    assert (by_hand.from_version, by_hand.to_version, by_hand.decided_by) == (1, 3, "mlflow")
    assert NOTE not in two.versions()[1].tags
    assert aliases_of(two)[CHAMPION] == 3


@pytest.mark.slow
def test_an_alias_moved_by_hand_is_noticed_at_the_next_evaluation(two: Finished) -> None:
    two.client().set_registered_model_alias("flights", CHAMPION, "2")
    assert not two.run("promotion")
    found = ledger_of(two)[-1]
    assert (found.promoted, found.from_version, found.to_version) == (True, 1, 2)
    assert (found.decided_by, found.reason) == ("mlflow", "alias moved by hand in MLflow")
    before = ledger_of(two)
    assert not two.run("promotion")
    assert ledger_of(two) == before


def test_what_was_live_before_an_alias_moved_by_hand_is_gone_back_to(two: Finished) -> None:
    two.client().set_registered_model_alias("flights", CHAMPION, "2")
    with books(two) as found:
        roll_back(found, "a person")
    # Version 2 went live, so it is no challenger any more.
    assert aliases_of(two) == {CHAMPION: 1, PREVIOUS: 2}
    told = [(one.from_version, one.to_version, one.decided_by) for one in ledger_of(two)[1:]]
    assert told == [(1, 2, "mlflow"), (2, 1, "a person")]


@pytest.mark.slow
@pytest.mark.parametrize(("promoted", "before"), [(3, 2), (1, 2), (2, 1)])
def test_what_was_live_before_a_removed_alias_is_gone_back_to(
    two: Finished, promoted: int, before: int
) -> None:
    register_like(two)
    with books(two) as found:
        promote_by_hand(found, 2, "a person")
        two.client().delete_registered_model_alias("flights", CHAMPION)
        promote_by_hand(found, promoted, "a person")
        assert aliases_of(two) == {CHAMPION: promoted, PREVIOUS: before}
        roll_back(found, "a person")
    assert aliases_of(two) == {CHAMPION: before, PREVIOUS: promoted}
    assert ledger_of(two)[2].from_version is None


def test_who_was_deleted_is_not_gone_back_to(two: Finished) -> None:
    two.client().set_registered_model_alias("flights", CHAMPION, "2")
    two.client().delete_model_version("flights", "1")
    with books(two) as found:
        settle(found)
    assert aliases_of(two) == {CHAMPION: 2}


def test_a_champion_older_than_the_ledger_is_entered(mine: Finished) -> None:
    with mine.box.lake() as con:
        con.execute("DELETE FROM flights.ops.promotions")
    with books(mine) as found:
        (entered,) = settle(found)
    assert (entered.from_version, entered.to_version) == (None, 1)
    assert entered.reason == "champion before this ledger began"


@pytest.mark.slow
def test_promoted_and_rolled_back_by_hand(two: Finished) -> None:
    pipeline, settings = two.box.pipeline, two.settings
    with books(two) as found:
        with pytest.raises(TrackingError, match="has no version before its champion"):
            roll_back(found, "a person")
        promote_by_hand(found, 2, "a person")
        assert resolve(pipeline, settings).version == 2
        roll_back(found, "a person")
        assert resolve(pipeline, settings).version == 1
        assert aliases_of(two) == {CHAMPION: 1, PREVIOUS: 2}
        roll_back(found, "a person")
        with pytest.raises(TrackingError, match="flights version 2 is champion"):
            promote_by_hand(found, 2, "a person")
        with pytest.raises(TrackingError, match=r"no version 7\. There are: 1, 2\."):
            promote_by_hand(found, 7, "a person")
    told = [(one.from_version, one.to_version, one.decided_by) for one in ledger_of(two)[1:]]
    assert told == [(1, 2, "a person"), (2, 1, "a person"), (1, 2, "a person")]
    assert ledger_of(two)[2].reason == "rolled back from version 2"


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("LOGNAME", "ada")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_verbs_say_what_they_did_and_who(
    two: Finished, at_home: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = CliRunner()
    monkeypatch.setenv(clock.NOW, "2100-03-01T00:00:00+00:00")
    done = run.invoke(main, ["promote", "flights", "2"])
    assert done.stdout == "flights version 2 is champion now; version 1 was before (ada).\n"
    monkeypatch.setenv(clock.NOW, "2100-05-01T00:00:00+00:00")
    done = run.invoke(main, ["rollback", "flights"])
    assert done.stdout == "flights version 1 is champion now; version 2 was before (ada).\n"
    assert [one.decided_by for one in ledger_of(two)] == ["gate", "ada", "ada"]
    assert aliases_of(two) == {CHAMPION: 1, PREVIOUS: 2}
    query = documented_query()
    for moment, version in (("2100-04-01", 2), ("2100-06-01", 1)):
        asked = query.replace("2026-11-21", moment)
        done = run.invoke(main, ["sql", "flights", asked])
        assert done.exit_code == 0, done.output
        assert re.search(rf"│ +{version} │", done.stdout), done.stdout


def documented_query() -> str:
    """Return the query that the help of `promote` gives for what was live when."""
    found = re.search(r'"(SELECT.*?)"', main.commands["promote"].help or "", re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["promote", "flights", "7"], "flights has no version 7. There are: 1, 2."),
        (["promote", "flights", "1"], "flights version 1 is champion. Nothing to do."),
        (["rollback", "flights"], "flights has no version before its champion to go back to."),
        (["rollback", "flihgts"], "No pipeline 'flihgts'. There are: flights"),
    ],
)
def test_the_verbs_say_what_is_wrong(
    two: Finished, at_home: None, arguments: list[str], said: str
) -> None:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1
    assert said in done.stderr
    assert aliases_of(two) == {CHAMPION: 1, CHALLENGER: 2}


FLIP = """
import sys
from ml_assets.assets.books import Books
from ml_assets.assets.live import promote_by_hand
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.settings import Settings
settings = Settings.from_environment()
with connect("flights", settings) as con:
    books = Books(pipeline="flights", settings=settings, con=con, on_wait=lambda message: None)
    number = books.champion().version
    while True:
        number = 3 - number
        promote_by_hand(books, number, "a person")
        print("gone live", flush=True)
"""


@pytest.mark.slow
def test_after_every_kill_aliases_and_ledger_agree(two: Finished) -> None:
    rng = random.Random(5)
    for _ in range(4 * KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", FLIP], stdout=subprocess.PIPE, cwd=two.box.root, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "gone live\n"
        time.sleep(rng.uniform(0.2, 1.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with books(two) as found:
            written = settle(found)
            assert settle(found) == []
        assert all(one.decided_by == "a person" for one in written)
        rows = [one for one in ledger_of(two) if one.promoted]
        assert aliases_of(two) == {
            CHAMPION: rows[-1].to_version,
            PREVIOUS: rows[-1].from_version,
        }
        # Every move begins where the one before it ended: none is lost and none is told twice.
        assert all(a.to_version == b.from_version for a, b in pairwise(rows))
    assert len(ledger_of(two)) > 4 * KILLS
