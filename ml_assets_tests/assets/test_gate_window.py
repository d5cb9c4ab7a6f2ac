"""The gate's window: rows that no contender has seen, and that are later than all it has seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from ml_assets.assets.gate_window import Rows, read_window
from ml_assets.assets.training_set import Reading
from ml_assets.ml.training_table import partitions_of
from ml_assets_tests.assets.contenders import first_of

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished


@pytest.mark.parametrize(
    ("first", "second", "window"),
    [
        (["2013-01"], ["2013-01"], ["2013-02", "2013-03"]),
        (["2013-01"], ["2013-02"], ["2013-03"]),
        # A rolling window has forgotten January, which says nothing of what comes.
        (["2013-02"], ["2013-02"], ["2013-03"]),
        (["2013-03"], ["2013-01"], []),
    ],
)
def test_only_later_partitions_are_compared_on(
    finished: Finished, first: list[str], second: list[str], window: list[str]
) -> None:
    one = first_of(finished)
    trained = [
        replace(one, record=replace(one.record, windows={"train": keys, "tune": [], "test": []}))
        for keys in (first, second)
    ]
    source = Reading(one.record.snapshot_id, one.record.labels_known_by)
    rows = read_window(finished.box.pipeline, finished.settings, source, *trained)
    assert partitions_of(rows) == window


@pytest.mark.parametrize(
    ("of_its_code", "unseen", "ended"),
    [([], 0, False), (["a", "b", "b"], 2, False), (["a"], 2, True)],
)
def test_a_partition_without_the_champions_features_ends_what_it_can_be_asked_about(
    of_its_code: list[str], unseen: int, ended: bool
) -> None:
    rows = pa.table({"_partition": pa.array(of_its_code, pa.string())})
    assert Rows(rows, rows, snapshot=7, unseen=unseen).ended is ended
