"""Rebuilding a registered model: identical, or what is not as it was."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ml_assets.automation.reproduce import Reproduction, find_version, reproduce
from ml_assets.errors import TrackingError
from ml_assets.registry.record import read_record
from ml_assets.tables.freshness import training_inputs
from ml_assets.warehouse.snapshots import maintain
from ml_assets_tests.sandbox import ignore_waiting, refresh

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets_tests.finished import Finished


def reproduced(finished: Finished, reference: str = "flights@champion") -> Reproduction:
    settings = finished.settings
    return reproduce(finished.box.pipeline, settings, find_version(settings, reference))


def change_record(finished: Finished, change: Callable[[dict[str, Any]], object]) -> None:
    """Apply `change` to the record of version 1."""
    run = finished.mlflow_run(finished.versions()[0].run_id)
    path = Path(str(run.info.artifact_uri).removeprefix("file://")) / "training_record.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")


def test_it_is_identical(finished: Finished) -> None:
    found = reproduced(finished)
    record = read_record(finished.settings.tracking_uri, found.version.run_id)
    assert (found.identical, found.model_hash, found.reasons) == (True, record.model_hash, [])
    assert found.lines() == [
        f"identical: flights version 1 was rebuilt bit for bit, hash {record.model_hash}"
    ]


@pytest.mark.slow
def test_it_is_identical_after_later_data_changes_and_expiry(mine: Finished) -> None:
    before = reproduced(mine)
    mine.box.edit("weather", lambda lines: [*lines[:200], *lines[400:]])
    with mine.box.lake() as con:
        rebuilt = {table for table, _ in refresh(con, mine.box.pipeline)}
        maintain(con, "flights", timedelta(0), in_flight=timedelta(0), on_wait=ignore_waiting)
    assert rebuilt == {"raw.weather", "cleaned.weather", "features.weather"}
    assert reproduced(mine) == before
    assert before.identical


def test_another_label_is_told_and_gives_another_model(mine: Finished) -> None:
    mine.box.declare(lambda declared: declared["label"].update(value="arrival_delay >= 30"))
    found = reproduced(mine)
    assert not found.identical
    assert found.model_hash is not None
    assert found.lines()[0].startswith("different: flights version 1 came out with hash")
    told = "\n".join(found.reasons)
    assert "training set: " in told
    assert "code of training: " in told


def test_changed_sql_is_told_though_the_recorded_rows_are_read(mine: Finished) -> None:
    mine.box.declare(
        lambda declared: declared["features"]["weather"]["columns"].update(
            later={"type": "DOUBLE", "nullable": True, "description": "Declared later."}
        )
    )
    found = reproduced(mine)
    assert found.identical
    (reason,) = found.reasons
    assert reason.startswith("code of features.weather: ")


def test_a_feature_that_is_no_more_is_told(mine: Finished) -> None:
    mine.box.declare(lambda declared: declared["features"]["weather"]["columns"].pop("weather_age"))
    mine.box.declare(lambda declared: declared["features"]["weather"].pop("counts", None))
    found = reproduced(mine)
    assert (found.identical, found.model_hash) == (False, None)
    assert found.lines()[0] == "different: flights version 1 cannot be rebuilt by today's code"
    assert "weather_age" in found.reasons[0]
    assert found.reasons[1].startswith("code of features.weather: ")


def test_another_library_python_or_cpu_is_told(mine: Finished) -> None:
    def older(record: dict[str, Any]) -> None:
        record["environment"]["libraries"]["lightgbm"] = "3.0"
        record["environment"]["python"] = "3.6.1"
        record["environment"]["cpu"] = "an abacus"
        record["model_hash"] = "0" * 64

    change_record(mine, older)
    found = reproduced(mine)
    assert not found.identical
    told = "\n".join(found.lines())
    assert "library lightgbm: 3.0 then, " in told
    assert "Python: 3.6.1 then, " in told
    assert "CPU: an abacus then, " in told


def test_a_difference_without_a_reason_is_a_fault(mine: Finished) -> None:
    change_record(mine, lambda record: record.update(model_hash="0" * 64))
    assert reproduced(mine).lines()[1:] == ["nothing known differs: please report this as a fault"]


@pytest.mark.slow
def test_an_expired_snapshot_is_gone(mine: Finished) -> None:
    with mine.box.lake() as con:
        maintain(con, "flights", timedelta(0), on_wait=ignore_waiting)
    change_record(mine, lambda record: record.update(snapshot_id=3))
    found = reproduced(mine)
    assert (found.identical, found.model_hash) == (False, None)
    first, second, third = found.lines()
    assert first == "gone: flights version 1 cannot be rebuilt"
    assert second.startswith("Snapshot 3 of flights has expired; kept are snapshots ")
    tables = sorted(node.dotted for node in training_inputs(mine.box.pipeline))
    assert {"raw.flights", "cleaned.arrivals", "features.history"} <= {*tables}
    assert third == f"cannot be read as of snapshot 3: {', '.join(tables)}"


def test_the_tables_of_a_snapshot_that_is_not_there_are_named(mine: Finished) -> None:
    """Those of then: a table that was renamed since goes by its old name."""
    change_record(mine, lambda record: record.update(snapshot_id=9999))
    change_record(mine, lambda record: record["code_versions"].update({"features.former": "0"}))
    found = reproduced(mine)
    assert found.gone
    assert found.reasons[0].startswith("flights has no snapshot 9999; the newest is ")
    assert found.reasons[1].startswith("cannot be read as of snapshot 9999: cleaned.air")
    assert "features.former" in found.reasons[1]
    assert "training" not in found.reasons[1]


def test_a_version_is_found_by_alias_and_number(finished: Finished) -> None:
    by_alias = find_version(finished.settings, "flights@champion")
    assert by_alias == find_version(finished.settings, "flights/1")
    for wrong in ("flights@nobody", "flights/2", "flights", "trains/1"):
        with pytest.raises(TrackingError, match=f"No registered version is called {wrong}"):
            find_version(finished.settings, wrong)
