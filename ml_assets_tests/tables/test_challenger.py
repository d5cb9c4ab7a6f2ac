"""What a challenger would be trained on, and whether that is what the champion was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from ml_assets.tables.challenger import (
    challenger_windows,
    closed_partitions,
    known_by,
    label_times,
    repeats,
)

if TYPE_CHECKING:
    from ml_assets_tests.sandbox import Sandbox

APRIL = datetime(2013, 4, 5, tzinfo=UTC)
MARCH = datetime(2013, 3, 5, tzinfo=UTC)


def test_the_newest_closed_month_is_held_out(sample_as_built: Sandbox) -> None:
    pipeline = sample_as_built.pipeline
    with sample_as_built.lake() as con:
        windows = challenger_windows(pipeline, label_times(con, pipeline, APRIL), APRIL)
    assert (windows.train, windows.test) == (("2013-01", "2013-02"), ("2013-03",))


@pytest.mark.parametrize(
    ("train", "tune", "again"),
    [
        (["2013-01", "2013-02"], ["2013-02"], True),
        (["2013-01"], ["2013-01"], False),
        (["2013-01", "2013-02", "2013-03"], ["2013-03"], False),
        # A refit has seen as much, but nothing was tuned on February.
        (["2013-01", "2013-02"], [], False),
    ],
)
def test_a_challenger_is_the_champion_again_where_both_windows_are_the_same(
    sample_as_built: Sandbox, train: list[str], tune: list[str], again: bool
) -> None:
    pipeline = sample_as_built.pipeline
    with sample_as_built.lake() as con:
        known = label_times(con, pipeline, APRIL)
    assert repeats(pipeline, known, {"train": train, "tune": tune}, APRIL) == again


def test_where_too_little_is_known_to_train_nothing_is_new(sample_as_built: Sandbox) -> None:
    pipeline = sample_as_built.pipeline
    with sample_as_built.lake() as con:
        known = label_times(con, pipeline, MARCH)
    assert repeats(pipeline, known, {"train": [], "tune": []}, MARCH)


def test_a_month_of_which_only_the_quick_labels_are_known_is_not_closed(
    sample_as_built: Sandbox,
) -> None:
    """As where a fraud is reported early, and that there was none is known after 45 days."""
    pipeline = sample_as_built.pipeline
    months = {key: pipeline.partitions.window(key) for key in ("2013-01", "2013-02", "2013-03")}
    delays = [timedelta(days=days) for days in (1, 45, 45, 45)]
    rows = [
        (key, window.start + timedelta(days=day) + delay)
        for key, window in months.items()
        for day in range(0, 28, 7)
        for delay in delays
    ]
    known = pa.table(
        {
            "_partition": pa.array([key for key, _ in rows]),
            "_label_known_at": pa.array([at for _, at in rows], pa.timestamp("us", "UTC")),
        }
    )
    early = known_by(known, APRIL)
    assert "2013-03" in early["_partition"].to_pylist()
    assert closed_partitions(pipeline, early, APRIL) == ["2013-01"]
    later = APRIL + timedelta(days=45)
    assert closed_partitions(pipeline, known_by(known, later), later) == [*months]


def test_only_labels_that_are_known_count(sample_as_built: Sandbox) -> None:
    pipeline = sample_as_built.pipeline
    with sample_as_built.lake() as con:
        late, early = (label_times(con, pipeline, moment) for moment in (APRIL, MARCH))
    assert 0 < early.num_rows < late.num_rows
    assert max(early["_label_known_at"].to_pylist()) <= MARCH
    assert known_by(late, MARCH).num_rows == early.num_rows
