"""Windows in time: which partitions train, tune and test, and the rows that belong to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.errors import DataError, DeclarationError
from ml_assets.ml.training_table import LABEL_KNOWN_AT, PARTITION, PREDICTION_TIME, column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.ml.spec import SplitSpec


@dataclass(frozen=True)
class Windows:
    """Partition keys in time order; `tune` is the end of `train`, `test` follows it."""

    train: tuple[str, ...]
    tune: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def fit(self) -> tuple[str, ...]:
        """The training partitions before the tuning ones."""
        return self.train[: -len(self.tune)]


@dataclass(frozen=True)
class Cut:
    """Rows before and after one moment in time."""

    before: pa.Table
    """Rows whose label was known when the first row of `after` was predicted."""
    after: pa.Table
    purged: int
    """Rows left out of `before` because their label was not known yet."""


def declared(partitions: Sequence[str], spec: SplitSpec) -> Windows:
    """Return the declared split: the last `spec.test` partitions test, all before them train."""
    return _windows(sorted(set(partitions)), spec, len(set(partitions)) - spec.test, spec.test)


def walk_forward(partitions: Sequence[str], spec: SplitSpec) -> list[Windows]:
    """Return expanding windows: each partition from `spec.walk_forward_from` on tests once."""
    ordered = sorted(set(partitions))
    first = spec.tune + 1
    if spec.walk_forward_from is not None:
        if spec.walk_forward_from not in ordered:
            raise DeclarationError(
                f"split.walk_forward_from is {spec.walk_forward_from}, which is no partition.",
                f"Name one of {', '.join(ordered) or 'none: nothing is materialized'}.",
            )
        first = ordered.index(spec.walk_forward_from)
    if first >= len(ordered):
        raise _too_few(ordered, spec.tune, 1)
    return [_windows(ordered, spec, start, 1) for start in range(first, len(ordered))]


def rows(table: pa.Table, partitions: Sequence[str]) -> pa.Table:
    """Return the rows of `partitions` in the table's order."""
    return table.filter(pc.is_in(table[PARTITION], value_set=pa.array(partitions, pa.string())))


def cut(table: pa.Table, before: Sequence[str], after: Sequence[str]) -> Cut:
    """Return the rows of the partitions `before` and `after`, without labels from the future."""
    early, late = rows(table, before), rows(table, after)
    if not late.num_rows:
        raise DataError(
            f"No row in the partitions {', '.join(after)}.",
            "Materialize them, or declare other windows in model.split.",
        )
    opening = pc.min(column(late, PREDICTION_TIME))
    known = early.filter(pc.less_equal(column(early, LABEL_KNOWN_AT), opening))
    return Cut(known, late, early.num_rows - known.num_rows)


def _windows(ordered: list[str], spec: SplitSpec, start: int, length: int) -> Windows:
    if start < spec.tune + 1:
        raise _too_few(ordered, spec.tune, len(ordered) - start)
    train = tuple(ordered[:start])
    return Windows(train, train[-spec.tune :], tuple(ordered[start : start + length]))


def _too_few(ordered: list[str], tune: int, test: int) -> DataError:
    return DataError(
        f"{len(ordered)} partitions are too few: {test} to test, {tune} to tune and at least 1 "
        "before them to train.",
        "Materialize more partitions, or declare smaller windows in model.split.",
    )
