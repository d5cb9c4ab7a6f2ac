"""Scores: the champion's, once per entity, on code it was trained on; what was given stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets.registry.package import load_native
from ml_assets.tables.entities import entities_sql
from ml_assets.warehouse import ledger
from ml_assets_tests.assets.contenders import weaken
from ml_assets_tests.assets.test_decision import DECISION

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished

SCORES = "predictions/scores"
TABLE = "flights.predictions.scores"


def slices(mine: Finished) -> dict[str | None, ledger.Slice]:
    with mine.box.lake() as con:
        found = ledger.current(con, "flights")
    return {item.partition: item for item in found if item.table == "predictions.scores"}


def test_a_refresh_scores_what_the_champion_was_not_trained_on(monitored: Finished) -> None:
    from ml_assets.registry.record import read_record

    (version,) = monitored.versions()
    record = read_record(monitored.settings.tracking_uri, version.run_id)
    assert set(slices(monitored)) == set(record.windows["test"])
    with monitored.box.lake() as con:
        rows = con.execute(
            f"SELECT count(*), count(DISTINCT (flight_date, carrier, flight_number, origin)),"
            f" min(score) > 0 AND max(score) < 1, bool_or(trained_on), min(model_version)"
            f" FROM {TABLE}"
        ).fetchall()[0]
        (entities,) = con.execute(
            "SELECT count(*) FROM flights.features.schedule WHERE _partition IN"
            f" ({', '.join(repr(key) for key in record.windows['test'])})"
        ).fetchall()[0]
    assert rows == (entities, entities, True, False, 1)


def test_the_scores_are_the_models_own(monitored: Finished) -> None:
    (key,) = slices(monitored)
    (version,) = monitored.versions()
    model = load_native(monitored.settings.tracking_uri, version.uri)
    names = [feature.name for feature in model.codec.features]
    with monitored.box.lake() as con:
        rows = con.execute(entities_sql(monitored.box.pipeline, names, [str(key)])).to_arrow_table()
        stored = con.execute(
            f"SELECT score FROM {TABLE} ORDER BY flight_date, carrier, flight_number, origin"
        ).fetchnumpy()["score"]
    assert np.array_equal(model.predict(rows), stored)


@pytest.mark.slow
def test_scoring_again_changes_nothing_but_the_moment(monitored: Finished) -> None:
    before = slices(monitored)
    (key,) = before
    assert not monitored.run(SCORES, keys=[str(key)])
    after = slices(monitored)
    assert after[key].data_version == before[key].data_version
    assert after[key].sequence > before[key].sequence
    assert not monitored.run(SCORES, refresh=True)
    assert slices(monitored)[key].sequence == after[key].sequence


@pytest.mark.slow
def test_a_score_that_was_given_stays_when_another_version_goes_live(monitored: Finished) -> None:
    from ml_assets.registry.versions import CHAMPION, set_alias

    before = slices(monitored)
    assert not monitored.run()
    *_, second = monitored.versions()
    assert second.version == 2
    set_alias(monitored.settings.tracking_uri, second, CHAMPION)
    assert not monitored.run(SCORES, refresh=True)
    assert slices(monitored) == before
    # Asked for by name, the new champion scores them anew.
    (key,) = before
    assert not monitored.run(SCORES, keys=[str(key)])
    with monitored.box.lake() as con:
        assert con.execute(f"SELECT DISTINCT model_version FROM {TABLE}").fetchall() == [(2,)]


@pytest.mark.slow
def test_the_whole_loop_by_hand_leaves_the_scores_that_were_given(monitored: Finished) -> None:
    before = slices(monitored)
    # Another champion, which was trained on the other months.
    weaken(monitored)
    assert not monitored.run(SCORES, DECISION)
    assert slices(monitored) == before


@pytest.mark.slow
def test_the_whole_loop_by_hand_waits_for_a_champion(mine: Finished) -> None:
    mine.client().delete_registered_model_alias("flights", "champion")
    assert not mine.run(SCORES, DECISION)
    assert slices(mine) == {}


@pytest.mark.slow
def test_changed_features_are_scored_anew(monitored: Finished) -> None:
    before = slices(monitored)
    monitored.box.edit("weather", lambda lines: [*lines[:-300], *lines[-150:]])
    assert not monitored.run(
        "raw/weather", "cleaned/weather", "features/weather", SCORES, refresh=True
    )
    (key,) = before
    assert slices(monitored)[key].sequence > before[key].sequence


@pytest.mark.slow
def test_what_the_champion_was_trained_on_is_marked_when_asked_for(monitored: Finished) -> None:
    assert not monitored.run(SCORES, keys=["2013-01"])
    with monitored.box.lake() as con:
        rows = con.execute(
            f"SELECT _partition, bool_and(trained_on), bool_or(trained_on) FROM {TABLE}"
            " GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert rows[0] == ("2013-01", True, True)
    assert rows[1][1:] == (False, False)


def test_features_of_other_code_are_not_fed_to_the_model(mine: Finished) -> None:
    mine.box.replace("features.weather", "INTERVAL 2 DAY", "INTERVAL 1 DAY")
    message = mine.run(SCORES)[SCORES]
    assert "flights version 1 was trained on other code of features.weather than today's" in message
    assert "`ml-assets run flights` trains a version on today's code" in message
    assert slices(mine) == {}


def test_without_a_champion_nobody_scores(mine: Finished) -> None:
    mine.client().delete_registered_model_alias("flights", "champion")
    assert "flights has no champion" in mine.run(SCORES)[SCORES]
