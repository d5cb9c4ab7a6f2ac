"""A model of the past, and what it is like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.backtest.past import digest
from ml_assets.backtest.shelf import MONITORS, code_version

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ml_assets.ml.boost import TrainedModel
    from ml_assets.ml.spec import Parameter
    from ml_assets.monitors.reference import Reference


@dataclass(frozen=True)
class Model:
    """A trained model, its name the hash of all that it was made of."""

    name: str
    keys: tuple[str, ...]
    """The partitions whose labels it has seen."""
    as_of: datetime
    """Labels known by then were in its training."""
    parameters: Mapping[str, Parameter]
    trained: TrainedModel
    rows: int
    tuned: tuple[str, ...] = ()
    """Those of the partitions that parameters and rounds were searched on; none for a refit."""

    @property
    def windows(self) -> dict[str, tuple[str, ...]]:
        """The partitions as a training record has them."""
        return {"train": self.keys, "tune": self.tuned}


@dataclass(frozen=True)
class Usual:
    """What a model is like on its own training window, out of fold."""

    reference: Reference
    metrics: Mapping[str, float]


def watched(model: Model) -> str:
    """Return what names the model as the monitors of today see it."""
    return digest([model.name, code_version(*MONITORS)])
