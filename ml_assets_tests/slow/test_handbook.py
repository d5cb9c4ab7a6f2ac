"""The published protocol on a stream of the published specification: seven days to train, seven
until labels are known, seven to test, from 25 July 2018 (handbook, chapters 3.4 and 3.6).

What differs: the stream is another draw, and over five starts of the training week the AUC of one
model moves by .03, the average precision by .07. LightGBM with XGBoost's default parameters lands
on XGBoost's row; at the pipeline's own slower learning rate the average precision is .03 higher.
Whether a terminal without payments has no rate, as here, or the rate 0, as there, changes less than
.02.
"""

from __future__ import annotations

from contextlib import chdir
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from ml_assets.ml import boost, metrics
from ml_assets.ml import codec as codecs
from ml_assets.ml.linear import Linear
from ml_assets.ml.training_table import CLUSTER, labels
from ml_assets.ml.tune import start
from ml_assets.tables.metrics import declared_metrics
from ml_assets.tables.spine import feature_names
from ml_assets.tables.training import read
from ml_assets_tests.payments import write_payments
from ml_assets_tests.sandbox import build

if TYPE_CHECKING:
    from ml_assets.ml.spec import Parameter
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets_tests.sandbox import Sandbox

pytestmark = pytest.mark.longest

BEGIN = np.datetime64("2018-07-25")
WEEK = 7
SEEN, USED = ("2018-06-11", "2018-08-19"), ("2018-07-23", "2018-08-19")
"""The first and the last day of the tables that features read, and of the features."""
PUBLISHED = {"linear": (0.871, 0.606, 0.291), "xgboost": (0.862, 0.639, 0.273)}
"""AUC, average precision, card precision at 100."""
TOLERANCE = (0.03, 0.06, 0.03)
XGBOOST: dict[str, Parameter] = {
    "learning_rate": 0.3,
    "max_depth": 6,
    "num_leaves": 64,
    "min_data_in_leaf": 1,
    "min_sum_hessian_in_leaf": 1.0,
    "lambda_l2": 1.0,
}
ROUNDS = 100


@dataclass(frozen=True)
class Protocol:
    """The rows that train, and those that test."""

    pipeline: Pipeline
    train: pa.Table
    test: pa.Table

    def measured(self, score: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, ...]:
        """Return the three published metrics."""
        label = labels(self.test)
        card_precision, _ = declared_metrics(self.pipeline)
        ranked = metrics.auc(label, score), metrics.average_precision(label, score)
        return (*ranked, card_precision.value(self.test, label, score))


def build_weeks(box: Sandbox) -> pa.Table:
    """Build what the protocol needs and return its rows."""
    pipeline = box.pipeline
    every = pipeline.partitions.keys()
    with chdir(box.root), box.lake() as con:
        for node in pipeline.ordered:
            first, last = USED if node.layer == "features" else SEEN
            build(con, pipeline, node, every[every.index(first) : every.index(last) + 1])
        names = [*feature_names(pipeline), "customer_id"]
        return read(con, pipeline, datetime(2019, 1, 1, tzinfo=UTC), names)


def split(table: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the training week and the test week, from which customers leave as they get known.

    Known are those defrauded in the training week and, on each test day, up to a week before it.
    """
    day = table[CLUSTER].to_numpy().astype("datetime64[D]")
    customer, label = table["customer_id"].to_numpy(), labels(table)
    train = (day >= BEGIN) & (day < BEGIN + WEEK)
    tested = np.zeros(len(day), bool)
    for number in range(WEEK):
        today = BEGIN + 2 * WEEK + number
        known = customer[(label == 1) & (day >= BEGIN) & (day < today - WEEK)]
        tested |= (day == today) & ~np.isin(customer, known)
    return table.filter(pa.array(train)), table.filter(pa.array(tested))


@pytest.fixture(scope="module")
def protocol(tmp_path_factory: pytest.TempPathFactory) -> Protocol:
    """The published protocol on the pipeline's own features."""
    box = write_payments(tmp_path_factory.mktemp("handbook"), options={}, end=None)
    return Protocol(box.pipeline, *split(build_weeks(box)))


def near(found: tuple[float, ...], published: tuple[float, ...]) -> bool:
    return all(
        abs(one - other) < most
        for one, other, most in zip(found, published, TOLERANCE, strict=True)
    )


def boosted(protocol: Protocol, parameters: dict[str, Parameter]) -> tuple[float, ...]:
    names, spec = feature_names(protocol.pipeline), protocol.pipeline.declaration.model
    codec = codecs.fit(protocol.train, names)
    model = boost.train(protocol.train, codec, parameters, ROUNDS, spec)
    return protocol.measured(model.predict(protocol.test))


def test_the_protocols_rows_are_as_many_as_published(protocol: Protocol) -> None:
    """Published: 67,240 rows with 598 frauds train, 58,264 with 385 test."""
    assert protocol.train.num_rows == pytest.approx(67_240, rel=0.05)
    assert protocol.test.num_rows == pytest.approx(58_264, rel=0.05)
    assert labels(protocol.train).sum() == pytest.approx(598, rel=0.2)
    assert labels(protocol.test).sum() == pytest.approx(385, rel=0.2)


def test_logistic_regression_lands_on_the_published_row(protocol: Protocol) -> None:
    model = Linear.fit(protocol.train, feature_names(protocol.pipeline), "binary")
    found = protocol.measured(model.predict(protocol.test))
    assert near(found, PUBLISHED["linear"]), found


def test_boosting_with_xgboosts_parameters_lands_on_its_row(protocol: Protocol) -> None:
    found = boosted(protocol, XGBOOST)
    assert near(found, PUBLISHED["xgboost"]), found


def test_the_pipelines_own_parameters_rank_better(protocol: Protocol) -> None:
    found = boosted(protocol, start(protocol.pipeline.declaration.model))
    auc, precision, cards = PUBLISHED["xgboost"]
    assert found[0] > auc - TOLERANCE[0], found
    assert found[1] > precision, found
    assert found[2] > cards, found
