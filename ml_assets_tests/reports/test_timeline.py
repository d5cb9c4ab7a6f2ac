from __future__ import annotations

from ml_assets.reports.context import Window
from ml_assets.reports.timeline import cells, spans, tuned_inside

from .samples import context, months


def test_a_partition_has_its_last_use() -> None:
    roles = [role for _, role in cells(context().model.windows)]
    assert roles == ["train"] * 6 + ["tune"] * 2 + ["test"] * 4


def test_spans_come_in_the_order_of_use_and_without_empty_ones() -> None:
    test = Window(role="test", partitions=months(9, 9), start="2013-09-01", end="2013-10-01")
    tune = Window(role="tune", partitions=(), start="", end="")
    train = Window(role="train", partitions=months(1, 8), start="2013-01-01", end="2013-09-01")
    assert [span.role for span in spans([test, tune, train])] == ["train", "test"]


def test_tuning_inside_training() -> None:
    assert tuned_inside(context().model.windows)
    tune = Window(role="tune", partitions=months(7, 8), start="2013-07-01", end="2013-09-01")
    train = Window(role="train", partitions=months(1, 6), start="2013-01-01", end="2013-07-01")
    assert not tuned_inside([train, tune])
    assert not tuned_inside([train])
