"""How the training set is read: at the snapshot it pinned, with the labels known by its clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets import clock
from ml_assets.tables.training import summarise
from ml_assets_tests.sandbox import build

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished

MID_MARCH = "2013-03-15T12:00:00+00:00"


def test_it_counts_what_the_lake_holds(finished: Finished) -> None:
    about = finished.latest("training_set")
    with finished.box.lake() as con:
        (entities,) = con.execute("SELECT count(*) FROM flights.features.schedule").fetchone() or ()
        (labelled,) = con.execute("SELECT count(*) FROM flights.cleaned.arrivals").fetchone() or ()
    assert about["rows_entities"] == entities
    assert about["dagster/row_count"] == labelled
    assert about["rows_without_label"] == entities - labelled > 0
    assert about["rows_immature"] == 0
    rows = [line.split("|")[2].strip() for line in about["rows by partition"].splitlines()[2:]]
    assert sum(int(number.replace(",", "")) for number in rows) == labelled


def test_labels_not_known_by_now_are_left_out(
    mine: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = mine.latest("training_set")
    monkeypatch.setenv(clock.NOW, MID_MARCH)
    assert not mine.run("training_set")
    about = mine.latest("training_set")
    assert about["as_of"] == clock.now().timestamp()
    assert about["rows_immature"] > 500
    assert about["dagster/row_count"] + about["rows_immature"] == before["dagster/row_count"]


@pytest.mark.slow
def test_what_it_pins_is_trained_on_though_the_lake_moves_on(mine: Finished) -> None:
    assert not mine.run("training_set")
    pinned = mine.latest("training_set")
    mine.box.edit("flights", lambda lines: lines[:-200])
    with mine.box.lake() as con:
        for name in ("raw.flights", "cleaned.arrivals"):
            build(con, mine.box.pipeline, mine.box.pipeline.node(name))
        now = summarise(con, mine.box.pipeline, clock.now())
    assert now.rows < pinned["dagster/row_count"]
    assert not mine.run("model")
    first, second = (mine.mlflow_run(one.run_id).data.tags for one in mine.versions())
    assert second["lake.snapshot_id"] == str(pinned["snapshot"])
    assert first["training_set_hash"] == second["training_set_hash"]
