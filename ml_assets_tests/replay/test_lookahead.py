"""A replay of labels that a slice holds a month after they were known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import MLAssetsError
from ml_assets.registry.record import read_record
from ml_assets.registry.versions import versions
from ml_assets.replay.beginning import beginning
from ml_assets.replay.calendar import opened, ticks
from ml_assets.replay.replay import replay
from ml_assets.replay.root import Root, inside
from ml_assets.tables.findings import read_findings
from ml_assets.warehouse.lake import connect
from ml_assets_tests.assets.running import dagsters_own_warnings
from ml_assets_tests.replay.turning import write_turning

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Pipeline:
    """Months of orders; labels are known within hours, and in a slice a month after the month."""
    monkeypatch.chdir(tmp_path)
    return write_turning(tmp_path, lookahead="20 days")


def test_it_begins_when_labels_are_there(pipeline: Pipeline) -> None:
    # Labels of January to March are in slices by May. But known a lookahead late, as counts before
    # there are any, those of February would not be there to tune on in March.
    assert beginning(pipeline) == "2024-06"
    told = "3 partitions before 2024-04, and cleaned.deliveries can hold the labels of 2 then"
    with pytest.raises(MLAssetsError, match=told):
        ticks(opened(pipeline), "2024-04", "2024-06")
    assert [tick.partitions[-1] for tick in ticks(opened(pipeline), "2024-05", "2024-06")] == [
        "2024-04",
        "2024-05",
        "2024-06",
    ]


@pytest.mark.slow
def test_no_label_is_used_before_it_is_there_and_monitors_say_what_they_wait_for(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    root = Root(tmp_path / "replayed")
    with dagsters_own_warnings():
        (may,) = replay(pipeline, "2024-05", "2024-05", root, lambda _: None)
    assert (may.rows, may.coverage, may.metrics) == (744, 0.0, {})
    assert may.verdicts["performance"] == "not enough data"
    with inside(root) as settings, connect("shop", settings, read_only=True) as con:
        uri = settings.tracking_uri
        records = [read_record(uri, one.run_id) for one in versions(uri, "shop")]
        found = read_findings(con, opened(pipeline), "performance")
    # In May those of March are there, in June those of April.
    first, *later = [max(*one.windows["train"], *one.windows["test"]) for one in records]
    assert first == "2024-03"
    assert {*later} == {"2024-04"}
    waiting = {one.cause: one.reason for one in found if one.period == "2024-05"}
    due = "cleaned.deliveries 2024-05 looks ahead and can be built from 2024-07-01 on"
    assert waiting["performance"].endswith(due)
    assert waiting["observed_expected"].endswith(due)
