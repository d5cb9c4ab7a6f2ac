"""The promotion asset: the first version is champion, later ones wait, and their data stays."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets.registry.record import read_record
from ml_assets.warehouse.snapshots import maintain, protected
from ml_assets_tests.sandbox import build, ignore_waiting

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished


def test_the_first_version_is_champion_and_its_snapshot_protected(finished: Finished) -> None:
    (version,) = finished.versions()
    snapshot = read_record(finished.settings.tracking_uri, version.run_id).snapshot_id
    assert version.aliases == ("champion",)
    assert finished.latest("promotion") == {"version": 1, "alias": "champion"}
    with finished.box.lake() as con:
        assert protected(con, "flights") == {snapshot: ("flights version 1",)}


def test_promoting_the_champion_again_changes_nothing(mine: Finished) -> None:
    assert not mine.run("promotion")
    assert mine.latest("promotion") == {"version": 1, "alias": "champion"}
    with mine.box.lake() as con:
        rows = con.execute("SELECT count(*) FROM flights.ops.protected").fetchone()
    assert rows == (1,)


def test_maintenance_expires_other_snapshots_and_not_the_champion_s(mine: Finished) -> None:
    snapshot = read_record(mine.settings.tracking_uri, mine.versions()[0].run_id).snapshot_id
    with mine.box.lake() as con:
        build(con, mine.box.pipeline, mine.box.pipeline.node("raw.airlines"))
        done = maintain(con, "flights", timedelta(0), on_wait=ignore_waiting)
        left = {
            row[0] for row in con.execute("SELECT snapshot_id FROM flights.snapshots()").fetchall()
        }
    assert len(done.expired) > 10
    assert snapshot in left
    assert snapshot not in done.expired


@pytest.mark.slow
def test_without_a_version_it_says_what_to_materialize(mine: Finished) -> None:
    (mine.settings.data / "mlflow" / "mlflow.db").unlink()
    message = mine.run("promotion")["promotion"]
    assert "No version of flights is registered. Materialize flights/model" in message


def test_numbers_are_plotted(finished: Finished) -> None:
    with finished.instance() as instance:
        for asset in ("training_set", "model", "evaluation", "promotion"):
            event = instance.get_latest_materialization_event(dg.AssetKey(["flights", asset]))
            assert event is not None
            assert event.asset_materialization is not None
            kinds = {type(item) for item in event.asset_materialization.metadata.values()}
            assert kinds & {dg.IntMetadataValue, dg.FloatMetadataValue}
