"""What became of the entities of a partition, and when that was known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ml_assets.ml.classes import places
from ml_assets.ml.training_table import CLUSTER, LABEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.ml.training_table import Bools, Floats, Ints
    from ml_assets.monitors.days import Dates

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = int(np.iinfo(np.int64).max)
"""When a label is there that never is."""
THERE_AT = "_label_there_at"
"""When a label was known and its slice could be built."""


@dataclass(frozen=True)
class Outcomes:
    """One entry per entity of a partition, by key: what is needed to measure, and no feature."""

    dates: Dates
    label: Floats
    """NaN where there is none; of several classes the place among `Past.classes`."""
    there_at: Ints
    """When it was known and its slice could be built, in microseconds since 1970 in UTC; NEVER
    without a label."""

    def known(self, as_of: datetime) -> Bools:
        """Return which labels were there at `as_of`."""
        known: Bools = self.there_at <= micros(as_of)
        return known


def micros(moment: datetime) -> int:
    """Return an instant in microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def outcomes_of(table: pa.Table, classes: Sequence[str]) -> Outcomes:
    """Return the outcomes of the entities in `table`, in their order."""
    label = places(table[LABEL], classes)
    there = table[THERE_AT].cast(pa.int64()).fill_null(NEVER).to_numpy()
    return Outcomes(
        table[CLUSTER].to_numpy().astype("datetime64[D]"),
        label,
        np.where(np.isnan(label), NEVER, there),
    )
