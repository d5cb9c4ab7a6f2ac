"""Real rows with their stored predictions, and windows of them for the gate to judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy.special import expit, logit

from ml_assets.loop.paired import Comparison
from ml_assets.ml.training_table import CLUSTER, labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from ml_assets.ml.training_table import Floats, Ints

FOUR_WEEKS = 28


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Rows in the order of time: what came, and the log odds of what was predicted."""

    label: Floats
    odds: Floats
    origin: npt.NDArray[np.str_]
    day: Ints
    """Numbered from 0."""

    def weeks(self, rng: np.random.Generator) -> Answered:
        """Return four weeks in a row, from a day that is drawn."""
        first = int(rng.integers(0, self.day.max() - FOUR_WEEKS))
        return self._of(np.arange(first, first + FOUR_WEEKS))

    def days(self, rng: np.random.Generator) -> Answered:
        """Return as many days that are each drawn from all: none depends on its neighbour."""
        return self._of(rng.integers(0, self.day.max() + 1, FOUR_WEEKS))

    def _of(self, days: Ints) -> Answered:
        ends = np.searchsorted(self.day, [days, days + 1])
        rows = np.concatenate([np.arange(*both) for both in ends.T])
        return Answered(
            label=self.label[rows],
            odds=self.odds[rows],
            origin=self.origin[rows],
            day=np.repeat(np.arange(FOUR_WEEKS), ends[1] - ends[0]),
        )

    def luck(self, rng: np.random.Generator) -> Floats:
        """Return what another model's log odds differ by: of each row, and in common by day."""
        own, common = rng.standard_normal(len(self.day)), rng.standard_normal(FOUR_WEEKS)
        return 0.15 * own + 0.08 * common[self.day]

    def knowing(self, share: float) -> Floats:
        """Return what the log odds of a model differ by that knows more of each outcome."""
        return np.asarray(share * (self.label - expit(self.odds)))

    def compared(self, champion: Floats | float, challenger: Floats) -> Comparison:
        """Return two models' answers, each given by what its log odds differ by."""
        return Comparison(
            problem="binary",
            label=self.label,
            champion=np.asarray(expit(self.odds + champion)),
            challenger=np.asarray(expit(self.odds + challenger)),
            clusters=self.day,
            slices={"origin": self.origin},
        )


def answered(months: Sequence[tuple[pa.Table, Floats]]) -> Answered:
    """Return the rows of months in a row with their predictions."""
    rows = pa.concat_tables([rows for rows, _ in months])
    _, day = np.unique(rows[CLUSTER].to_numpy(), return_inverse=True)
    return Answered(
        label=labels(rows),
        odds=logit(np.concatenate([predicted for _, predicted in months])),
        origin=np.array(rows["origin"].to_pylist()),
        day=day,
    )
