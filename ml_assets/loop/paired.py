"""Two models' answers on the same rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.errors import DataError
from ml_assets.ml import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from ml_assets.ml.training_table import Bools, Floats, Ints

FEWEST_CLUSTERS = 14
"""Two whole weeks: with fewer days neither the error nor the pattern of the week is known."""
FEWEST_OF_A_CLASS = 50
"""Ones and zeros that a window or slice needs: who promises less looks better where by chance
nothing happened. With 5 ones an equal challenger passes in 12 % of looks, with 50 in 7 %."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Both models' answers on the same mature rows, which neither was trained on."""

    problem: str
    label: Floats
    champion: Floats
    """Answers, one per row: probabilities, or the label's unit for regression. Of several classes
    one per row and class, `label` being the class's number."""
    challenger: Floats
    clusters: Ints
    """Day per row, numbered from 0 in the order of time; neighbouring numbers are neighbours."""
    slices: Mapping[str, npt.NDArray[np.str_]] = field(default_factory=dict)
    """Per dimension the value of each row."""
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise DataError where the arrays differ in length."""
        names = ("label", "champion", "challenger", "clusters")
        columns = {name: getattr(self, name) for name in names} | dict(self.slices)
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(
                f"The compared rows differ in number: {lengths}.",
                "Compare both models on the same rows.",
            )

    @property
    def losses(self) -> tuple[Floats, Floats]:
        """The champion's and the challenger's loss of each row in the primary metric."""
        champion, challenger = (
            metrics.losses(self.problem, self.label, score)
            for score in (self.champion, self.challenger)
        )
        return champion, challenger

    def only(self, inside: Bools) -> Comparison:
        """Return some of the rows, without slices."""
        return Comparison(
            problem=self.problem,
            label=self.label[inside],
            champion=self.champion[inside],
            challenger=self.challenger[inside],
            clusters=self.clusters[inside],
            classes=self.classes,
        )

    @property
    def views(self) -> dict[str, Comparison]:
        """Each class against all others, by its name; without classes, all there is by ""."""
        if not self.classes:
            return {"": self}
        return {
            name: Comparison(
                problem="binary",
                label=(self.label == k).astype(np.float64),
                champion=self.champion[:, k],
                challenger=self.challenger[:, k],
                clusters=self.clusters,
            )
            for k, name in enumerate(self.classes)
        }

    def lacking(self, rows: int, days: int) -> str:
        """Say what is missing for a judgement, or nothing."""
        if len(self.label) < rows:
            return f"{len(self.label):,} rows, fewer than {rows:,}"
        found = len(np.unique(self.clusters))
        if found < days:
            return f"{found} days, fewer than {days}"
        if self.problem not in metrics.PROBABILITIES:
            return ""
        _, counts = np.unique(self.label, return_counts=True)
        rarer = len(self.label) - int(counts.max())
        if rarer < FEWEST_OF_A_CLASS:
            what = (
                f"rows {'not of the commonest class' if self.classes else 'of the rarer outcome'}"
            )
            return f"{rarer} {what}, fewer than {FEWEST_OF_A_CLASS}"
        return ""
