"""Scores: the champion's, once per entity, on code it was trained on; what was given stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets.registry.package import load_native
from ml_assets.tables.training import entities_sql
from ml_assets.warehouse import ledger
from ml_assets_tests.assets.contenders import weaken
from ml_assets_tests.assets.test_decision import DECISION

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished

SCORES = "predictions/scores"
TABLE = "flights.predictions.scores"


@pytest.fixture
def scored(mine: Finished) -> Finished:
    """A finished pipeline whose champion scored what it was not trained on."""
    assert not mine.run(SCORES, refresh=True)
    return mine


def slices(mine: Finished) -> dict[str | None, ledger.Slice]:
    with mine.box.lake() as con:
        found = ledger.current(con, "flights")
    return {item.partition: item for item in found if item.table == "predictions.scores"}


def test_a_refresh_scores_what_the_champion_was_not_trained_on(scored: Finished) -> None:
    from ml_assets.registry.record import read_record

    (version,) = scored.versions()
    record = read_record(scored.settings.tracking_uri, version.run_id)
    assert set(slices(scored)) == set(record.windows["test"])
    with scored.box.lake() as con:
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


def test_the_scores_are_the_models_own(scored: Finished) -> None:
    (key,) = slices(scored)
    (version,) = scored.versions()
    model = load_native(scored.settings.tracking_uri, version.uri)
    names = [feature.name for feature in model.codec.features]
    with scored.box.lake() as con:
        rows = con.execute(entities_sql(scored.box.pipeline, names, [str(key)])).to_arrow_table()
        stored = con.execute(
            f"SELECT score FROM {TABLE} ORDER BY flight_date, carrier, flight_number, origin"
        ).fetchnumpy()["score"]
    assert np.array_equal(model.predict(rows), stored)


def test_scoring_again_changes_nothing_but_the_moment(scored: Finished) -> None:
    before = slices(scored)
    (key,) = before
    assert not scored.run(SCORES, keys=[str(key)])
    after = slices(scored)
    assert after[key].data_version == before[key].data_version
    assert after[key].sequence > before[key].sequence
    assert not scored.run(SCORES, refresh=True)
    assert slices(scored)[key].sequence == after[key].sequence


@pytest.mark.slow
def test_a_score_that_was_given_stays_when_another_version_goes_live(scored: Finished) -> None:
    from ml_assets.registry.versions import CHAMPION, set_alias

    before = slices(scored)
    assert not scored.run()
    *_, second = scored.versions()
    assert second.version == 2
    set_alias(scored.settings.tracking_uri, second, CHAMPION)
    assert not scored.run(SCORES, refresh=True)
    assert slices(scored) == before
    # Asked for by name, the new champion scores them anew.
    (key,) = before
    assert not scored.run(SCORES, keys=[str(key)])
    with scored.box.lake() as con:
        assert con.execute(f"SELECT DISTINCT model_version FROM {TABLE}").fetchall() == [(2,)]


def test_the_whole_loop_by_hand_leaves_the_scores_that_were_given(scored: Finished) -> None:
    before = slices(scored)
    # Another champion, which was trained on the other months.
    weaken(scored)
    assert not scored.run(SCORES, DECISION)
    assert slices(scored) == before


def test_the_whole_loop_by_hand_waits_for_a_champion(mine: Finished) -> None:
    mine.client().delete_registered_model_alias("flights", "champion")
    assert not mine.run(SCORES, DECISION)
    assert slices(mine) == {}


def test_changed_features_are_scored_anew(scored: Finished) -> None:
    before = slices(scored)
    scored.box.edit("weather", lambda lines: [*lines[:-300], *lines[-150:]])
    assert not scored.run(
        "raw/weather", "cleaned/weather", "features/weather", SCORES, refresh=True
    )
    (key,) = before
    assert slices(scored)[key].sequence > before[key].sequence


def test_what_the_champion_was_trained_on_is_marked_when_asked_for(scored: Finished) -> None:
    assert not scored.run(SCORES, keys=["2013-01"])
    with scored.box.lake() as con:
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
