"""A month that is mended after it was scored is scored and counted anew, and that is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ml_assets.assets.live import promote_by_hand
from ml_assets.automation.due import due
from ml_assets.registry.record import FILE, read_record
from ml_assets.warehouse import ledger
from ml_assets.warehouse.lake import connect
from ml_assets_tests.assets.contenders import books, register_like
from ml_assets_tests.assets.running import failed, metadata
from ml_assets_tests.automation.jobs import refreshed

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished

MONTH = "2013-03"
FOLLOWS = ("predictions.scores", "monitoring.days", "monitoring.drift", "monitoring.performance")


@pytest.fixture
def forward(monitored: Finished) -> Finished:
    """March was scored by version 1; live is version 2, which was trained on March."""
    version = register_like(monitored)
    record = read_record(monitored.settings.tracking_uri, version.run_id)
    windows = {"train": ["2013-01", "2013-02", MONTH], "tune": [], "test": []}
    text = replace(record, windows=windows).to_json()
    monitored.client().log_text(version.run_id, text, FILE)
    with books(monitored) as found:
        promote_by_hand(found, version.version, "a person")
    return monitored


def mend(mine: Finished) -> None:
    """Deliver March with other weather than before."""
    mine.box.edit("weather", lambda lines: [*lines[:-300], *lines[-150:]])


def sequences(mine: Finished) -> dict[str, int]:
    with mine.box.lake() as con:
        return {
            one.table: one.sequence
            for one in ledger.current(con, "flights")
            if one.table in FOLLOWS and one.partition == MONTH
        }


def scores(mine: Finished, snapshot: int | None = None) -> list[tuple[object, ...]]:
    with connect("flights", mine.settings, read_only=True, snapshot=snapshot) as con:
        return con.execute(
            "SELECT flight_date, carrier, flight_number, origin, score, model_version"
            " FROM flights.predictions.scores ORDER BY ALL"
        ).fetchall()


@pytest.mark.longest
def test_who_gave_the_scores_gives_the_new_ones_where_the_champion_knows_the_month(
    forward: Finished,
) -> None:
    assert not failed(refreshed(forward))
    before, given = sequences(forward), scores(forward)
    mend(forward)
    assert due(forward.box.pipeline, forward.settings).scores == {
        MONTH: "features.weather is rebuilt"
    }
    result = refreshed(forward)
    assert not failed(result)
    after = sequences(forward)
    assert all(after[table] > before[table] for table in FOLLOWS)
    again = scores(forward)
    assert again != given
    assert {row[-1] for row in again} == {1}
    told = str(metadata(result, "predictions/scores")["scored anew"])
    said, _, snapshot = told.rpartition(" ")
    assert said == (
        f"- {MONTH}: features.weather changed: version 1 scores {len(given):,} rows anew;"
        " the scores before are in snapshot"
    )
    assert scores(forward, int(snapshot)) == given
    # Done once: neither plan nor the next refresh finds more to do.
    assert due(forward.box.pipeline, forward.settings).scores == {}
    assert not failed(refreshed(forward))
    assert sequences(forward) == after


@pytest.mark.slow
def test_the_plan_shows_what_is_scored_anew_though_its_tables_are_there(
    forward: Finished,
) -> None:
    mend(forward)
    assert not forward.run("raw/weather", "cleaned/weather", "features/weather", refresh=True)
    rows = f"{len(scores(forward)):,}"
    found = due(forward.box.pipeline, forward.settings)
    assert found.steps == []
    assert found.scores == {MONTH: f"features.weather changed: version 1 scores {rows} rows anew"}


@pytest.mark.slow
def test_scores_of_a_version_that_is_gone_stay_and_that_is_said(
    forward: Finished, capfd: pytest.CaptureFixture[str]
) -> None:
    given = scores(forward)
    forward.client().delete_model_version("flights", "1")
    mend(forward)
    assert not failed(refreshed(forward))
    assert scores(forward) == given
    assert due(forward.box.pipeline, forward.settings).scores == {}
    assert f"{MONTH} is not scored: version 1, which scored it, is not" in capfd.readouterr().err
