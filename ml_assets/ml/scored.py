"""What is measured of candidates on the same rows: each by itself, and beside the model."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.errors import DataError
from ml_assets.ml import bootstrap, metrics
from ml_assets.ml.bootstrap import Resampling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from ml_assets.ml.declared import DeclaredMetric, Measured
    from ml_assets.ml.results import Estimate
    from ml_assets.ml.training_table import Bools, Floats


@dataclass(frozen=True)
class Scored:
    """Labels and every candidate's scores on the same rows, the model's first."""

    problem: str
    label: Floats
    scores: Mapping[str, Floats]
    sampling: Resampling
    table: pa.Table
    """The same rows, with what the declared metrics need."""
    declared: Sequence[DeclaredMetric]
    classes: tuple[str, ...] = ()

    def only(self, inside: Bools) -> Scored:
        """Return the rows that are `inside`."""
        _, dense = np.unique(self.sampling.clusters[inside], return_inverse=True)
        sampling = Resampling(dense, self.sampling.resamples, self.sampling.seed)
        scores = {name: score[inside] for name, score in self.scores.items()}
        table = self.table.filter(inside)
        label = self.label[inside]
        return replace(self, label=label, scores=scores, sampling=sampling, table=table)

    def own(self, name: str) -> dict[str, Measured]:
        """Return what the declared metrics say of `name`."""
        return {
            metric.name: metric.measure(self.table, self.label, self.scores[name], self.classes)
            for metric in self.declared
        }

    def own_defined(self, name: str) -> dict[str, Estimate]:
        """Return the same on a part of the rows, without metrics that have no value there."""
        found = {}
        for metric in self.declared:
            # What has one on all rows may divide by the frauds of a slice that has none.
            with suppress(DataError), np.errstate(divide="ignore", invalid="ignore"):
                measured = metric.measure(self.table, self.label, self.scores[name], self.classes)
                found[metric.name] = measured.estimate
        return found

    def estimate(self, name: str) -> dict[str, Estimate]:
        """Return the standard metrics of `name`."""
        return bootstrap.estimate(self.problem, self.label, self.scores[name], self.sampling)

    def differences(self, name: str) -> dict[str, Estimate]:
        """Each metric of `name` minus the model's, on the same resamples."""
        own, other = (
            bootstrap.measured(self.problem, self.label, score, self.sampling)
            for score in (next(iter(self.scores.values())), self.scores[name])
        )
        return bootstrap.differences(other, own)

    def gain(self, name: str) -> Estimate:
        """Mean loss of `name` minus the model's: above zero, the model wins."""
        model, other = (
            metrics.losses(self.problem, self.label, score)
            for score in (next(iter(self.scores.values())), self.scores[name])
        )
        return bootstrap.mean(other - model, self.sampling)
