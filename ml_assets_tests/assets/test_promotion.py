"""The promotion: one look per version through the gate; what passes is refitted and goes live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from ml_assets.automation.reproduce import reproduce
from ml_assets.registry.record import read_record
from ml_assets.warehouse.snapshots import maintain, protected
from ml_assets_tests.assets.contenders import (
    aliases_of,
    ledger_of,
    let_slow,
    register_like,
    weaken,
)
from ml_assets_tests.assets.running import dagsters_own_warnings, definitions
from ml_assets_tests.conftest import _copy
from ml_assets_tests.sandbox import build, ignore_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml_assets.warehouse.appended import PromotionRow
    from ml_assets_tests.finished import Finished

EPISODE = "calibration-2013-03"


@dataclass(frozen=True)
class Told:
    """What the promotion said, and where the aliases were then."""

    metadata: dict[str, Any]
    aliases: dict[str, int]
    row: PromotionRow


@dataclass(frozen=True)
class Story:
    """A champion that is challenged by its like, again, by a better one, and once more."""

    mine: Finished
    equal: Told
    again: Told
    better: Told
    unmeasured: Told


@pytest.fixture(scope="module")
def story(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with pytest.MonkeyPatch.context() as patch:
        mine = _copy(finished, tmp_path_factory.mktemp("story"), patch)
        mine.box.declare(let_slow)
        register_like(mine)
        equal, again = promote(mine), promote(mine)
        weaken(mine)
        register_like(mine)
        better = promote(mine)
        register_like(mine)
        yield Story(mine, equal, again, better, promote(mine))


def promote(mine: Finished) -> Told:
    job = definitions(mine.box).resolve_job_def("flights_pipeline")
    with mine.instance() as instance, dagsters_own_warnings():
        done = job.execute_in_process(
            instance=instance,
            tags={"ml_assets/episode": EPISODE},
            asset_selection=[dg.AssetKey(["flights", "promotion"])],
        )
    assert done.success
    return Told(mine.latest("promotion"), aliases_of(mine), ledger_of(mine)[-1])


def test_the_first_version_is_champion_and_its_snapshot_protected(finished: Finished) -> None:
    (version,) = finished.versions()
    snapshot = read_record(finished.settings.tracking_uri, version.run_id).snapshot_id
    assert version.aliases == ("champion",)
    told = finished.latest("promotion")
    assert (told["version"], told["alias"], told["promoted"]) == (1, "champion", True)
    with finished.box.lake() as con:
        assert protected(con, "flights") == {snapshot: ("flights version 1",)}
    (row,) = ledger_of(finished)
    assert (row.promoted, row.from_version, row.to_version) == (True, None, 1)
    assert (row.reason, row.decided_by, row.run_id) == (
        "the first version",
        "gate",
        finished.run_id,
    )


def test_promoting_the_champion_again_changes_nothing(mine: Finished) -> None:
    before = ledger_of(mine)
    assert not mine.run("promotion")
    told = mine.latest("promotion")
    assert (told["version"], told["alias"]) == (1, "champion")
    assert told["look"] == "There is one look per version; version 1 had its."
    assert ledger_of(mine) == before
    with mine.box.lake() as con:
        rows = con.execute("SELECT count(*) FROM flights.ops.protected").fetchone()
    assert rows == (1,)


def test_a_challenger_that_is_no_better_stays_challenger(story: Story) -> None:
    told = story.equal
    assert told.aliases == {"champion": 1, "challenger": 2}
    row = told.row
    assert (row.promoted, row.from_version, row.to_version) == (False, 1, 2)
    assert "a gain of 0, with 95 % confidence above 0: not shown to be better." in row.reason
    assert (row.decided_by, row.episode) == ("gate", EPISODE)
    assert row.numbers["window"] == ["2013-03"]
    named = {one["name"]: one["passed"] for one in row.numbers["criteria"]}
    assert named == {
        "overall": False,
        "brier": True,
        "calibration": True,
        "origin=EWR": True,
        "origin=LGA": True,
        "origin=(not judged)": None,
        "golden rows": True,
        "signature": True,
        "latency": True,
        "size": True,
    }
    assert told.metadata["reason"] == row.reason
    assert told.metadata["criteria"].count("\n") == len(named) + 1
    assert told.metadata["gain_in_loss"] == 0.0


def test_there_is_one_look_per_challenger(story: Story) -> None:
    assert story.again.row == story.equal.row
    assert story.again.aliases == story.equal.aliases
    assert "one look per version; version 2 had its" in story.again.metadata["look"]
    assert "look" not in story.equal.metadata


def test_what_passes_is_refitted_on_all_data_and_the_refit_goes_live(story: Story) -> None:
    told, versions = story.better, {one.version: one for one in story.mine.versions()}
    assert told.aliases == {"champion": 5, "previous": 3}
    assert versions[5].refit_of == 4
    uri = story.mine.settings.tracking_uri
    challenger, refit = (read_record(uri, versions[n].run_id) for n in (4, 5))
    assert refit.windows == {"train": ["2013-01", "2013-02", "2013-03"], "tune": [], "test": []}
    assert (refit.parameters, refit.rounds) == (challenger.parameters, challenger.rounds)
    assert refit.training_rows > challenger.training_rows
    assert refit.model_hash != challenger.model_hash
    assert story.mine.mlflow_run(versions[5].run_id).data.tags["refit_of"] == "4"
    row = told.row
    assert (row.promoted, row.from_version, row.to_version) == (True, 3, 5)
    assert "better." in row.reason
    assert (row.decided_by, row.episode, row.numbers["challenger"]) == ("gate", EPISODE, 4)
    assert all(one["passed"] for one in row.numbers["refit"])
    assert (told.metadata["version"], told.metadata["alias"]) == (5, "champion")


def test_the_golden_rows_are_kept_with_the_challenger(story: Story) -> None:
    import numpy as np
    import pyarrow.parquet as pq

    from ml_assets.registry.package import load_native

    version = story.mine.versions()[3]
    path = story.mine.client().download_artifacts(version.run_id, "golden.parquet")
    rows = pq.read_table(path)
    assert rows.num_rows == 300
    model = load_native(story.mine.settings.tracking_uri, version.uri)
    assert np.array_equal(model.predict(rows), rows["_score"].to_numpy())


def test_a_refit_is_rebuilt_bit_for_bit(story: Story) -> None:
    refit = story.mine.versions()[4]
    found = reproduce(story.mine.box.pipeline, story.mine.settings, refit)
    assert found.identical, found.lines()


def test_where_the_champion_saw_every_row_there_is_nothing_to_measure(story: Story) -> None:
    told = story.unmeasured
    assert told.aliases == {"champion": 5, "previous": 3, "challenger": 6}
    assert not told.row.promoted
    assert told.row.reason.startswith("Not enough data: no row with a known label")


def test_only_the_data_of_versions_with_an_alias_stays(story: Story) -> None:
    with story.mine.box.lake() as con:
        owners = {owner for found in protected(con, "flights").values() for owner in found}
    assert owners == {f"flights version {n}" for n in story.unmeasured.aliases.values()}


@pytest.mark.slow
def test_the_refit_serves_evaluation_reference_and_scoring(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = _copy(story.mine, tmp_path, monkeypatch)
    assert not mine.run("monitoring/reference", "predictions/scores", keys=["2013-03"])
    assert mine.latest("monitoring/reference")["model_version"] == 5
    with mine.box.lake() as con:
        rows = con.execute(
            "SELECT DISTINCT model_version, trained_on FROM flights.predictions.scores"
        ).fetchall()
    assert rows == [(5, True)]


def test_a_challenger_on_other_code_is_not_compared(mine: Finished) -> None:
    register_like(mine)
    mine.box.replace("features.weather", "INTERVAL 2 DAY", "INTERVAL 1 DAY")
    assert not mine.run("promotion")
    row = ledger_of(mine)[-1]
    assert (row.promoted, row.to_version, aliases_of(mine)["champion"]) == (False, 2, 1)
    assert "version 2 was trained on other code of features.weather" in row.reason
    assert "version 1 was trained on other code of features.weather" in row.reason


@pytest.mark.slow
def test_a_refit_unlike_its_challenger_does_not_go_live(mine: Finished) -> None:
    mine.box.declare(let_slow)
    weaken(mine)
    register_like(mine, claims=1)
    told = promote(mine)
    assert told.aliases == {"champion": 2, "previous": 1, "challenger": 3}
    assert told.row.reason.startswith("It passed, but not its refit. On rows it was trained on")
    assert len(mine.versions()) == 3


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


def test_a_champion_whose_alias_was_removed_is_not_replaced_unseen(mine: Finished) -> None:
    mine.client().delete_registered_model_alias("flights", "champion")
    said = mine.run("promotion")["promotion"]
    assert "flights has no champion: version 1 lost the alias in MLflow" in said
    assert "`ml-assets promote flights <version>`" in said


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
