"""How many rows lacked each feature, day by day, and what windows of a length reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.monitors.days import is_score

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets.ml.training_table import Floats
    from ml_assets.monitors.days import Dates, Days


@dataclass(frozen=True)
class Absences:
    """One entry per day, in order of time."""

    dates: Dates
    rows: Floats
    absent: Mapping[str, Floats]
    """Rows without a value, by feature."""

    def worst(self, feature: str, length: int) -> float:
        """Return the largest share in any `length` days in a row, of all where there are fewer."""
        if not len(self.dates):
            return 0.0
        days = (self.dates - self.dates[0]).astype(np.int64)
        count = int(days[-1]) + 1
        sums = np.zeros((2, count + 1))
        sums[:, days + 1] = self.rows, self.absent[feature]
        total = sums.cumsum(axis=1)
        length = min(length, count)
        rows, absent = total[:, length:] - total[:, :-length]
        return float((absent / np.maximum(rows, 1)).max())


def of_days(days: Days) -> Absences:
    """Return the absences in the rows that `days` count; the last bin of a histogram is NULL."""
    absent = {name: counts[:, -1] for name, counts in days.histograms.items() if not is_score(name)}
    return Absences(days.dates, days.rows, absent)
