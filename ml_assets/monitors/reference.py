"""A model's reference: what the world was like in its training window, and how it did there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.errors import DataError
from ml_assets.ml.classes import classes_of, codes
from ml_assets.ml.out_of_fold import out_of_fold
from ml_assets.ml.training_table import CLUSTER, column
from ml_assets.monitors import binning
from ml_assets.monitors.absences import Absences
from ml_assets.monitors.days import SUMS, Days
from ml_assets.monitors.statistics import answers_of, statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from ml_assets.ml.baselines import Predictor
    from ml_assets.ml.training_table import Floats
    from ml_assets.monitors.binning import Bins

FORMAT = 2
"""1 had neither the labels that are awaited nor absences."""


@dataclass(frozen=True)
class Reference:
    """Out-of-fold predictions of the training window as statistics per day, with the bins.

    Predictions of the model itself would be in-sample there: every later window would look worse.
    """

    days: Days
    bins: Mapping[str, Bins]
    importance: Mapping[str, float]
    """Share of each feature in the mean absolute TreeSHAP value; sums to 1."""
    absences: Absences | None = None
    """Of all entities of the window, labelled or not; None where only the labelled are known."""

    def to_json(self) -> str:
        """Return the reference as JSON."""
        plain = {name: getattr(self.days, name).tolist() for name in SUMS}
        classes = {name: sums.tolist() for name, sums in self.days.classes.items()}
        return json.dumps(
            {
                "format": FORMAT,
                "dates": self.days.dates.astype(str).tolist(),
                "sums": plain,
                "histograms": {
                    name: counts.astype(int).tolist()
                    for name, counts in self.days.histograms.items()
                },
                "bins": binning.to_json(self.bins),
                "importance": dict(self.importance),
                "absences": None if self.absences is None else _plain(self.absences),
                **({"classes": classes} if classes else {}),
            },
            separators=(",", ":"),
        )

    @staticmethod
    def from_json(text: str) -> Reference:
        """Read what `to_json` wrote; another format is a DataError."""
        values = json.loads(text)
        if values["format"] not in {1, FORMAT}:
            raise DataError(
                f"The reference has format {values['format']}, this ml_assets reads {FORMAT}.",
                "Use the ml_assets version that trained the model.",
            )
        sums = {"awaited": [0.0] * len(values["dates"]), **values["sums"]}
        days = Days(
            dates=np.array(values["dates"], dtype="datetime64[D]"),
            histograms={
                name: np.array(counts, dtype=np.float64)
                for name, counts in values["histograms"].items()
            },
            classes={
                name: np.array(each, dtype=np.float64)
                for name, each in values.get("classes", {}).items()
            },
            **{name: np.array(each, dtype=np.float64) for name, each in sums.items()},
        )
        bins, told = binning.from_json(values["bins"]), values.get("absences")
        absences = None if told is None else _absences(told)
        return Reference(days, bins, values["importance"], absences)


def _plain(absences: Absences) -> dict[str, Any]:
    return {
        "dates": absences.dates.astype(str).tolist(),
        "rows": absences.rows.astype(int).tolist(),
        "absent": {name: n.astype(int).tolist() for name, n in absences.absent.items()},
    }


def _absences(plain: Mapping[str, Any]) -> Absences:
    return Absences(
        np.array(plain["dates"], dtype="datetime64[D]"),
        np.array(plain["rows"], dtype=np.float64),
        {name: np.array(n, dtype=np.float64) for name, n in plain["absent"].items()},
    )


def make_reference(
    table: pa.Table,
    features: Sequence[str],
    problem: str,
    train: Callable[[pa.Table], Predictor],
    importance: Mapping[str, float],
) -> Reference:
    """Return the reference of a model that `train` made of `table`."""
    score = out_of_fold(table, train)
    return reference_of(table, features, score, problem, importance)


def reference_of(
    table: pa.Table,
    features: Sequence[str],
    score: Floats,
    problem: str,
    importance: Mapping[str, float],
) -> Reference:
    """Return the reference of a model whose out-of-fold predictions on `table` are `score`."""
    classes = classes_of(table)
    label = codes(table, classes)
    answers = answers_of(score, classes)
    own = {name: binning.number_bins(values) for name, values in answers.items()}
    bins = {**binning.fit_bins(table, features), **own}
    dates = column(table, CLUSTER).to_numpy()
    days = statistics(problem, dates, score, label, table, bins, classes=classes)
    return Reference(days, bins, importance)
