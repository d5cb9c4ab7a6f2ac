"""What every model offers that may be champion: LightGBM, or a baseline in its place."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa

from ml_assets.ml.baselines import Baseline, Predictor, load
from ml_assets.ml.boost import CODEC, TREES, TrainedModel
from ml_assets.ml.classes import CLASSES, aligned, classes_of, from_json, ordered, to_json
from ml_assets.ml.codec import Codec
from ml_assets.ml.custom import Custom
from ml_assets.ml.training_table import Floats, spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PARAMETERS = "baseline.json"
SAMPLE = 2000
"""Rows on which it is tried how far a feature moves a baseline's answers."""


class Model(Predictor, Protocol):
    """A predictor that can be packed, compared and explained."""

    @property
    def codec(self) -> Codec:
        """The features it reads, by which a signature is made."""

    @property
    def rounds(self) -> int:
        """Number of trees; 0 where there are none."""

    @property
    def model_hash(self) -> str:
        """SHA-256 of all that decides its answers."""

    @property
    def files(self) -> dict[str, str]:
        """Name to text of the files that the model is kept as."""

    @property
    def found(self) -> dict[str, float]:
        """Parameters that training found and that are single numbers, by name."""

    def predict(self, table: pa.Table, threads: int = 2) -> Floats:
        """Return one float64 per row, or a probability per row and class."""

    def effects(self, table: pa.Table, threads: int = 2) -> Floats:
        """Return how far each feature of the codec moves the answers, on average."""

    def shares(self, table: pa.Table) -> dict[str, float]:
        """Return each feature's weight in the model, in all 1; `table` holds its training rows."""


@dataclass(frozen=True)
class Simple:
    """A baseline in the model's place."""

    baseline: Baseline
    codec: Codec
    rounds: int = 0

    @property
    def name(self) -> str:
        """The baseline's."""
        return self.baseline.name

    @property
    def description(self) -> str:
        """The baseline's."""
        return self.baseline.description

    @property
    def classes(self) -> tuple[str, ...]:
        """The baseline's."""
        return self.baseline.classes

    @property
    def model_hash(self) -> str:
        """SHA-256 over the baseline and codec as they are kept."""
        text = "\n".join(self.files.values())
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def files(self) -> dict[str, str]:
        """Name to text of the files that the model is kept as."""
        kept = {PARAMETERS: self.baseline.to_json(), CODEC: self.codec.to_json()}
        return kept | ({CLASSES: to_json(self.classes)} if self.classes else {})

    @property
    def found(self) -> dict[str, float]:
        """Parameters that training found and that are single numbers, by name."""
        return self.baseline.numbers if isinstance(self.baseline, Custom) else {}

    def predict(self, table: pa.Table, threads: int = 2) -> Floats:  # noqa: ARG002 - as a model's
        """Return one float64 per row, or a probability per row and class."""
        return self.baseline.predict(table)

    def effects(self, table: pa.Table, threads: int = 2) -> Floats:
        """Return the mean absolute change of the answers where a feature is another row's.

        That row is half the table away, the same for every feature.
        """
        answers, far = self.predict(table, threads), table.num_rows // 2
        other = np.roll(np.arange(table.num_rows), far)
        return np.array(
            [
                np.abs(self.predict(_moved(table, name, other), threads) - answers).mean()
                for name in self.codec.names
            ]
        )

    def shares(self, table: pa.Table) -> dict[str, float]:
        """Return each feature's share in what all of them move the answers."""
        effects = self.effects(spread(table, SAMPLE))
        shares = effects / (effects.sum() or 1.0)
        return dict(zip(self.codec.names, shares.tolist(), strict=True))


def read_model(files: Mapping[str, str]) -> Model:
    """Return the model whose `files` these are."""
    codec = Codec.from_json(files[CODEC])
    if PARAMETERS in files:
        return Simple(load(files[PARAMETERS]), codec)
    classes = from_json(files[CLASSES]) if CLASSES in files else ()
    return TrainedModel(files[TREES], codec, classes)


def answers(predictor: Predictor, table: pa.Table, classes: Sequence[str]) -> Floats:
    """Return what `predictor` answers on `table`, with classes as columns of `classes`."""
    return aligned(predictor.predict(table), predictor.classes, classes)


def vocabulary(table: pa.Table, predictors: Iterable[Predictor]) -> tuple[str, ...]:
    """Return every class that a label of `table` has or that one of `predictors` knows, sorted."""
    return ordered({*classes_of(table), *(name for one in predictors for name in one.classes)})


def _moved(
    table: pa.Table, name: str, rows: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, name, table[name].take(pa.array(rows)))
