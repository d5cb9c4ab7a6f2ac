from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ml_assets.errors import TrackingError
from ml_assets.registry.record import (
    Environment,
    TrainingRecord,
    differences,
    environment,
    log_record,
    read_record,
)
from ml_assets_tests.registry.conftest import flights_run

THEN = Environment("3.11.7", "Linux", "x86_64", "EPYC", {"lightgbm": "4.6.0", "numpy": "2.4.6"})
RECORD = TrainingRecord(
    pipeline="flights",
    snapshot_id=41,
    windows={"train": ["2013-01", "2013-02"], "test": ["2013-03"]},
    cutoffs={"labels_known_by": "2013-03-01T03:00:00+00:00"},
    features=["distance", "origin"],
    parameters={"learning_rate": 0.1, "num_leaves": 31, "boosting": "gbdt", "extra_trees": False},
    rounds=120,
    seed=0,
    threads=2,
    training_rows=51_955,
    purged=12,
    training_set_hash="5e7",
    model_hash="a11",
    code_versions={"cleaned.weather": "1", "features.weather": "2"},
    environment=THEN,
)


def test_a_record_survives_its_json() -> None:
    assert TrainingRecord.from_json(RECORD.to_json()) == RECORD


def test_a_record_is_read_back_from_its_run(tracking_uri: str) -> None:
    with flights_run(tracking_uri, RECORD.tags()) as handle:
        log_record(handle, RECORD)
    assert read_record(tracking_uri, handle.run_id) == RECORD


def test_the_label_cutoff_is_an_instant() -> None:
    assert RECORD.labels_known_by == datetime(2013, 3, 1, 3, tzinfo=UTC)


def test_a_record_of_a_newer_format_is_refused() -> None:
    newer = json.dumps({**json.loads(RECORD.to_json()), "format": 2})
    with pytest.raises(TrackingError, match="has format 2, this ml_assets reads 1"):
        TrainingRecord.from_json(newer)


def test_the_environment_names_the_libraries_and_the_cpu() -> None:
    now = environment()
    assert now.cpu
    assert {"lightgbm", "duckdb", "numpy"} <= set(now.libraries)
    assert "absent" not in (now.libraries["lightgbm"], now.libraries["duckdb"])


def test_nothing_differs_where_all_is_the_same() -> None:
    assert differences(RECORD, THEN, RECORD.code_versions) == []


def test_each_difference_is_said_in_words() -> None:
    now = replace(THEN, cpu="Xeon", libraries={"lightgbm": "4.7.0", "numpy": "2.4.6"})
    assert differences(RECORD, now, {"cleaned.weather": "1", "features.schedule": "1"}) == [
        "CPU: EPYC then, Xeon now",
        "library lightgbm: 4.6.0 then, 4.7.0 now",
        "code of features.schedule: absent then, 1 now",
        "code of features.weather: 2 then, absent now",
    ]
