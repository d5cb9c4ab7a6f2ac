"""Windows in time: which partitions train, tune and test, and the rows that belong to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.errors import DataError, DeclarationError
from ml_assets.ml.training_table import LABEL_KNOWN_AT, PARTITION, PREDICTION_TIME, column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ml_assets.ml.spec import SplitSpec
    from ml_assets.ml.training_table import Floats

CLOSED = 0.95
"""Share of a partition's labels from which on it may be tested, or tuned, on."""


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
    """Return the declared split: the last `spec.test` partitions test, all before them train.

    A history that is still short is not spent on looking at itself: at most a third of its
    partitions test and at most a third of those that train tune, but at least one each.
    """
    ordered = sorted(set(partitions))
    return _shrunk(ordered, spec.tune, _share(spec.test, len(ordered)))


def retraining(partitions: Sequence[str], spec: SplitSpec, test: int, train: int | None) -> Windows:
    """Return a challenger's split: the newest `test` partitions test, all before them train.

    The declared split would not do: a champion that was refitted on all data has seen its test
    partitions, and a challenger that leaves the newest ones out loses for lack of data. Only what
    both have not seen has to be held out. With `train`, only the newest `train` partitions before
    the test ones are used, which forgets a world that is gone. `partitions` are closed ones; a
    short history shrinks the windows as it does the declared ones.
    """
    ordered = sorted(set(partitions))
    held_out = _share(test, len(ordered))
    return _shrunk(
        newest(ordered, None if train is None else train + held_out), spec.tune, held_out
    )


def newest(partitions: Sequence[str], count: int | None) -> list[str]:
    """Return the newest `count` partitions, all of them for None, in time order."""
    ordered = sorted(set(partitions))
    return ordered if count is None else ordered[-count:]


def closed(table: pa.Table, ends: Mapping[str, datetime], as_of: datetime) -> list[str]:
    """Return the partitions of `table` of whose labels 95 % are known at `as_of`, in time order.

    `ends` says when each partition ends. How long after that the labels come is learned from the
    partitions themselves, the slowest of which counts; labels that never come delay nothing.
    """
    keys, late = _lateness(table, ends)
    longest = max(0.0, *late) if keys else 0.0
    return [key for key in keys if (as_of - ends[key]).total_seconds() >= longest]


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
    return [_windows(ordered, spec.tune, start, 1) for start in range(first, len(ordered))]


def settled(windows: Windows, table: pa.Table) -> Windows:
    """Return `windows` whose training ends with the last partition that was known as they test.

    That is, with most of its labels known when the first test row of `table` is predicted; of such
    a partition the others are purged. Labels that take longer than a partition leave later ones
    little to train on; tuned on, they would tell what happened in the time of the test.
    """
    opening = pc.min(_values(table, PREDICTION_TIME, windows.test))
    train = list(windows.train)
    while len(train) > len(windows.tune) and not _is_known(table, train[-1], opening):
        train.pop()
    if len(train) == len(windows.tune):
        raise _too_few(train, len(windows.tune), len(windows.test))
    return Windows(tuple(train), tuple(train[-len(windows.tune) :]), windows.test)


def rows(table: pa.Table, partitions: Sequence[str]) -> pa.Table:
    """Return the rows of `partitions` in the table's order."""
    return table.filter(_among(table, partitions))


def cut(table: pa.Table, before: Sequence[str], after: Sequence[str]) -> Cut:
    """Return the rows of the partitions `before` and `after`, without labels from the future.

    With no partitions `after`, as for a model that is trained on all data, nothing bounds `before`.
    """
    kept, purged = earlier(table, before, after)
    return Cut(kept, rows(table, after), purged)


def earlier(table: pa.Table, before: Sequence[str], after: Sequence[str]) -> tuple[pa.Table, int]:
    """Return the rows `before` of a cut, and how many it leaves out."""
    among = _among(table, before)
    if not after:
        return table.filter(among), 0
    times = _values(table, PREDICTION_TIME, after)
    if not len(times):
        raise DataError(
            f"No row in the partitions {', '.join(after)}.",
            "Materialize them, or declare other windows in model.split.",
        )
    known = pc.less_equal(column(table, LABEL_KNOWN_AT), pc.min(times))
    # One filter of all columns: a copy of the early rows would take as much memory once more.
    kept = table.filter(pc.and_(among, known))
    return kept, (pc.sum(among).as_py() or 0) - kept.num_rows


def _among(table: pa.Table, partitions: Sequence[str]) -> pa.ChunkedArray:
    return pc.is_in(table[PARTITION], value_set=pa.array(partitions, pa.string()))


def _values(table: pa.Table, name: str, partitions: Sequence[str]) -> pa.ChunkedArray:
    return column(table, name).filter(_among(table, partitions))


def _is_known(table: pa.Table, partition: str, moment: pa.Scalar) -> bool:
    times = _values(table, LABEL_KNOWN_AT, [partition])
    known = pc.sum(pc.less_equal(times, moment)).as_py() or 0
    return bool(known > len(times) / 2)


def _shrunk(ordered: list[str], tune: int, test: int) -> Windows:
    start = len(ordered) - test
    return _windows(ordered, _share(tune, start), start, test)


def _share(wanted: int, partitions: int) -> int:
    return max(1, min(wanted, partitions // 3))


def _windows(ordered: list[str], tune: int, start: int, length: int) -> Windows:
    if start < tune + 1:
        raise _too_few(ordered, tune, length)
    train = tuple(ordered[:start])
    return Windows(train, train[-tune:], tuple(ordered[start : start + length]))


def _lateness(table: pa.Table, ends: Mapping[str, datetime]) -> tuple[list[str], Floats]:
    """Return the partitions and, in seconds after their end, when 95 % of their labels came."""
    encoded = column(table, PARTITION).combine_chunks().dictionary_encode()
    names, codes = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
    known = column(table, LABEL_KNOWN_AT).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    order = np.lexsort((known.to_numpy(), codes))
    counts = np.bincount(codes, minlength=len(names))
    last = np.cumsum(counts) - counts + np.ceil(CLOSED * counts).astype(np.int64) - 1
    late = known.to_numpy()[order][last] / 1e6 - np.array([ends[key].timestamp() for key in names])
    by_time = np.argsort(names)
    return [names[index] for index in by_time], late[by_time]


def _too_few(ordered: list[str], tune: int, test: int) -> DataError:
    return DataError(
        f"{len(ordered)} partitions are too few: {test} to test, {tune} to tune and at least 1 "
        "before them to train.",
        "Materialize more partitions, or declare smaller windows in model.split.",
    )
