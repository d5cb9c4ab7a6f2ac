"""Training at a snapshot: repeatable, resumable, and recorded with all that decided it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from ml_assets.assets.train import code_versions, study_of, train, training_code, windows_of
from ml_assets.component.folder import load_folder
from ml_assets.errors import StorageError
from ml_assets.registry.record import TrainingRecord, environment, read_record
from ml_assets.tables.spine import feature_names
from ml_assets_tests.sandbox import example, ignore_waiting

if TYPE_CHECKING:
    from ml_assets.assets.train import Trained
    from ml_assets_tests.finished import Finished

SCRIPT = """
import sys
from pathlib import Path
from datetime import datetime
from ml_assets.assets.train import train
from ml_assets.component.folder import load_folder
from ml_assets.warehouse.settings import Settings
folder, snapshot, as_of = sys.argv[1:]
quiet = lambda *_: None
pipeline, settings = load_folder(Path(folder)), Settings.from_environment()
found = train(pipeline, settings, int(snapshot), datetime.fromisoformat(as_of), quiet, quiet)
print(found.record.model_hash)
"""


def recorded(finished: Finished) -> TrainingRecord:
    return read_record(finished.settings.tracking_uri, finished.versions()[0].run_id)


def trained(finished: Finished, snapshot: int | None = None) -> tuple[Trained, list[int]]:
    """Train at the recorded snapshot, or another; return the fit and the trials it made."""
    record, trials = recorded(finished), list[int]()
    found = train(
        finished.box.pipeline,
        finished.settings,
        record.snapshot_id if snapshot is None else snapshot,
        record.labels_known_by,
        lambda number, _budget, _value: trials.append(number),
        ignore_waiting,
    )
    return found, trials


def test_the_record_says_all_that_decided_the_model(finished: Finished) -> None:
    record, pipeline = recorded(finished), finished.box.pipeline
    about = finished.latest("training_set")
    assert record.snapshot_id == about["snapshot"]
    assert record.labels_known_by.timestamp() == about["as_of"]
    assert record.windows == {
        "train": ["2013-01", "2013-02"],
        "tune": ["2013-02"],
        "test": ["2013-03"],
    }
    assert record.features == feature_names(pipeline)
    assert record.code_versions == code_versions(pipeline)
    assert record.environment == environment()
    assert {"features.weather", "cleaned.arrivals", "raw.flights", "training"} <= set(
        record.code_versions
    )


def test_a_finished_search_is_not_made_again(mine: Finished) -> None:
    found, trials = trained(mine)
    assert trials == []
    assert found.record == recorded(mine)


@pytest.mark.slow
def test_a_search_from_scratch_gives_the_same_model_also_in_a_fresh_process(
    mine: Finished,
) -> None:
    study = mine.settings.data / "tuning" / "flights.sqlite"
    study.unlink()
    record = recorded(mine)
    arguments = [str(mine.box.folder), str(record.snapshot_id), record.cutoffs["labels_known_by"]]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == record.model_hash
    study.unlink()
    found, trials = trained(mine)
    assert trials == [1, 2]
    assert found.record == record


def test_an_expired_snapshot_is_named(mine: Finished) -> None:
    with mine.box.lake() as con:
        con.execute("CALL ducklake_expire_snapshots('flights', versions => [3])")
    with pytest.raises(StorageError, match="Snapshot 3 of flights has expired"):
        trained(mine, 3)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["label"].update(value="arrival_delay >= 30"),
        lambda d: d["model"].update(seed=1),
        lambda d: d["model"].update(exclude=["distance"]),
        lambda d: d["model"]["split"].update(tune=2),
        lambda d: d["model"]["tuning"].update(trials=3),
    ],
)
def test_what_decides_the_model_changes_the_training_code(mine: Finished, change: Any) -> None:  # noqa: ANN401
    before = training_code(mine.box.pipeline)
    mine.box.declare(change)
    assert training_code(mine.box.pipeline) != before


def test_words_and_thread_counts_do_not(mine: Finished) -> None:
    before = training_code(mine.box.pipeline)
    mine.box.declare(lambda d: d["label"].update(description="Late?"))
    mine.box.declare(lambda d: d["model"].update(threads=2))
    assert training_code(mine.box.pipeline) == before


@pytest.mark.slow
def test_the_thread_count_is_not_in_the_model(mine: Finished) -> None:
    (mine.settings.data / "tuning" / "flights.sqlite").unlink()
    mine.box.declare(lambda d: d["model"].update(threads=2))
    found, trials = trained(mine)
    assert trials == [1, 2]
    assert replace(found.record, threads=1) == recorded(mine)


MONTHS = [f"2013-{month:02d}" for month in range(1, 13)]


def year(until: datetime) -> pa.Table:
    """Return a row an hour of 2013 whose label is known a day later, where that is by `until`."""
    start = datetime(2013, 1, 1, 5, tzinfo=UTC)
    asked = [start + timedelta(hours=hour) for hour in range(365 * 24)]
    mature = [moment for moment in asked if moment + timedelta(days=1) <= until]
    return pa.table(
        {
            "_partition": [f"{moment - timedelta(hours=5):%Y-%m}" for moment in mature],
            "_prediction_time": pa.array(mature, pa.timestamp("us", "UTC")),
            "_label_known_at": pa.array(
                [moment + timedelta(days=1) for moment in mature], pa.timestamp("us", "UTC")
            ),
        }
    )


@pytest.mark.parametrize(
    ("now", "window", "train_on", "test_on"),
    [
        (datetime(2014, 1, 2, 10, tzinfo=UTC), {}, MONTHS[:11], MONTHS[11:]),
        (datetime(2014, 1, 2, 10, tzinfo=UTC), {"train": 4}, MONTHS[7:11], MONTHS[11:]),
        (datetime(2014, 1, 2, 10, tzinfo=UTC), {"test": 3}, MONTHS[:9], MONTHS[9:]),
        # December is over, and a tenth of its labels are still to come.
        (datetime(2013, 12, 30, 5, tzinfo=UTC), {}, MONTHS[:10], MONTHS[10:11]),
    ],
)
def test_a_challenger_is_held_out_as_the_policy_says(
    now: datetime, window: dict[str, Any], train_on: list[str], test_on: list[str]
) -> None:
    flights = load_folder(example("flights"))
    declared = flights.declaration
    policy = replace(declared.retraining, window=replace(declared.retraining.window, **window))
    pipeline = replace(flights, declaration=declared.model_copy(update={"retraining": policy}))
    found = windows_of(pipeline, year(now), now, challenges=True)
    assert (list(found.train), list(found.test)) == (train_on, test_on)
    by_hand = windows_of(pipeline, year(now), now, challenges=False)
    assert (list(by_hand.train), list(by_hand.test)) == (MONTHS[:8], MONTHS[8:])
    assert study_of(pipeline, "0", found) != study_of(pipeline, "0", by_hand)
