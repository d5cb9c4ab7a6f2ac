"""LightGBM straight from Arrow, bit for bit the same for the same rows, parameters and seed."""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ml_assets.errors import DataError
from ml_assets.ml.classes import CLASSES, classes_of, codes, to_json
from ml_assets.ml.training_table import Floats, require_trainable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    import lightgbm as lgb
    import pyarrow as pa

    from ml_assets.ml.codec import Codec
    from ml_assets.ml.spec import ModelSpec, Parameter

TREES = "model.txt"
CODEC = "codec.json"
METRIC = {"binary": "binary_logloss", "multiclass": "multi_logloss", "regression": "l1"}
OBJECTIVE = {"binary": "binary", "multiclass": "multiclass", "regression": "regression_l1"}
_END_OF_TREES = "\nend of trees"


@dataclass(frozen=True)
class TrainedModel:
    """A booster as LightGBM's text, with the codec that feeds it."""

    booster_text: str
    codec: Codec
    classes: tuple[str, ...] = ()
    """Those of the training rows, sorted; none for yes or no and for a number."""
    name: ClassVar[str] = "lightgbm"

    @property
    def description(self) -> str:
        """What the model is, in words."""
        return f"LightGBM with {self.rounds} trees on {len(self.codec.features)} features"

    @property
    def rounds(self) -> int:
        """Number of trees; with classes, of trees for each."""
        return int(self._booster.num_trees()) // max(len(self.classes), 1)

    @property
    def model_hash(self) -> str:
        """SHA-256 over trees and codec; parameters such as the thread count are not content."""
        trees, end, _ = self.booster_text.partition(_END_OF_TREES)
        if not end:
            raise DataError("The booster's text has no trees.", "Log the model anew.")
        content = "\n".join([trees, *(text for name, text in self.files.items() if name != TREES)])
        return hashlib.sha256(content.encode()).hexdigest()

    def predict(self, table: pa.Table, threads: int = 2) -> Floats:
        """Return one float64 per row: the probability, or the value in the label's unit.

        With classes, a probability per row and class.
        """
        return self._run(table, threads)

    def contributions(self, table: pa.Table, threads: int = 2) -> Floats:
        """Return TreeSHAP values of shape (rows, features + 1); the last column is the base.

        With classes, of shape (rows times classes, features + 1).
        """
        values = self._run(table, threads, pred_contrib=True)
        return values.reshape(-1, len(self.codec.features) + 1)

    def effects(self, table: pa.Table, threads: int = 2) -> Floats:
        """Return how far each feature moves the answers: its mean absolute TreeSHAP value."""
        moved: Floats = np.abs(self.contributions(table, threads)[:, :-1]).mean(axis=0)
        return moved

    @property
    def files(self) -> dict[str, str]:
        """Name to text of the files that the model is kept as."""
        kept = {TREES: self.booster_text, CODEC: self.codec.to_json()}
        return kept | ({CLASSES: to_json(self.classes)} if self.classes else {})

    def shares(self, table: pa.Table) -> dict[str, float]:  # noqa: ARG002 - the trees know
        """Return each feature's weight in the model, in all 1."""
        return self.gain_shares()

    @property
    def found(self) -> dict[str, float]:
        """No parameters to show: trees are what training found."""
        return {}

    def gain_shares(self) -> dict[str, float]:
        """Return each feature's share in the loss that all splits together took away."""
        gains = np.asarray(self._booster.feature_importance("gain"), np.float64)
        shares = gains / (gains.sum() or 1.0)
        return dict(zip(self.codec.names, shares.tolist(), strict=True))

    def _run(self, table: pa.Table, threads: int, **kind: bool) -> Floats:
        encoded = self.codec.encode(table)
        if not encoded.num_rows:
            return np.empty((0, len(self.classes)) if self.classes else 0)
        return np.asarray(self._booster.predict(encoded, num_threads=threads, **kind), np.float64)

    @cached_property
    def _booster(self) -> lgb.Booster:
        booster: lgb.Booster = lightgbm().Booster(model_str=self.booster_text)
        return booster


def train(
    table: pa.Table,
    codec: Codec,
    parameters: Mapping[str, Parameter],
    rounds: int,
    spec: ModelSpec,
) -> TrainedModel:
    """Train `rounds` trees on the rows of `table` in their order."""
    require_trainable(table, spec.problem, spec.minimum_rows, "training")
    classes = classes_of(table)
    settings = {**parameters, **pinned(spec, classes)}
    rows = dataset(table, codec, spec, classes=classes)
    booster = lightgbm().train(settings, rows, num_boost_round=rounds)
    return TrainedModel(booster.model_to_string(), codec, classes)


def pinned(spec: ModelSpec, classes: Sequence[str] = ()) -> dict[str, Parameter]:
    """Return the parameters nothing may change: they fix the bins, the sums and the objective.

    Column-wise histograms add in row order whatever the thread count, so it is not in the trees.
    """
    several: dict[str, Parameter] = {"num_class": len(classes)} if classes else {}
    return several | {
        "objective": OBJECTIVE[spec.problem],
        "metric": METRIC[spec.problem],
        "seed": spec.seed,
        "num_threads": spec.threads,
        "deterministic": True,
        "force_col_wise": True,
        "feature_pre_filter": False,
        # Threads fill a bundle of sparse columns from Arrow at once: where two of them have a
        # value in one row, the later thread's stays, and the trees depend on the machine's load.
        "enable_bundle": False,
        "max_bin": 255,
        "bagging_freq": 1,
        "verbosity": -1,
    }


def dataset(
    table: pa.Table,
    codec: Codec,
    spec: ModelSpec,
    reference: lgb.Dataset | None = None,
    classes: Sequence[str] = (),
) -> lgb.Dataset:
    """Return the encoded rows with their labels, binned like `reference` where one is given."""
    data: lgb.Dataset = lightgbm().Dataset(
        codec.encode(table).rename_columns(_readable(codec)),
        label=codes(table, classes),
        reference=reference,
        categorical_feature=list(codec.categorical),
        params=pinned(spec, classes),
    )
    return data


def _readable(codec: Codec) -> list[str]:
    """Return names LightGBM accepts: it refuses blanks, commas and brackets in a name."""
    return [f"{i}_" + re.sub(r"\W", "_", name) for i, name in enumerate(codec.names)]


def lightgbm() -> ModuleType:
    """Import LightGBM, its messages sent to the standard logger `lightgbm`."""
    import lightgbm as lgb

    lgb.register_logger(logging.getLogger("lightgbm"))
    return lgb
