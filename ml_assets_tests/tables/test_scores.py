from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml_assets.errors import DataError
from ml_assets.tables.due_scores import due_scores
from ml_assets.tables.plan import Stored
from ml_assets.tables.scores import Scorer, score_window
from ml_assets.warehouse import ledger
from ml_assets_tests.sample import MONTHS
from ml_assets_tests.sandbox import RUN, build_all, ignore_waiting

if TYPE_CHECKING:
    import pyarrow as pa

    from ml_assets.ml.training_table import Floats
    from ml_assets_tests.sandbox import Sandbox


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_refused_and_nothing_is_stored(
    bad: float, sample: Sandbox
) -> None:
    def predict(rows: pa.Table) -> Floats:
        scores = np.full(rows.num_rows, 0.5)
        scores[-1] = bad
        return scores

    pipeline = sample.pipeline
    scorer = Scorer(7, ["temperature"], frozenset(), predict)
    window = pipeline.partitions.window(*MONTHS[1:])
    with sample.lake() as con:
        (rows,) = con.execute(
            "SELECT count(*) FROM flights.features.schedule WHERE _partition > '2013-01'"
        ).fetchall()[0]
        with pytest.raises(DataError, match=f"Version 7 gives 1 of {rows:,} rows no finite score"):
            score_window(con, pipeline, scorer, window, run_id=RUN, on_wait=ignore_waiting)
        slices = {item.table for item in ledger.current(con, "flights")}
    assert "predictions.scores" not in slices


@pytest.mark.slow
def test_a_feature_may_be_called_score(sample: Sandbox) -> None:
    def rename(declared: dict[str, Any]) -> None:
        features = declared["features"]["weather"]["columns"]
        features["score"] = features.pop("temperature")

    sample.declare(rename)
    sample.replace("features.weather", "weather.temperature,", "weather.temperature AS score,")
    pipeline = sample.pipeline
    with sample.lake() as con:
        build_all(con, pipeline)
        window = pipeline.partitions.window(MONTHS[-1])
        scorer = Scorer(7, ["score"], frozenset(), lambda rows: np.full(rows.num_rows, 0.25))
        score_window(con, pipeline, scorer, window, run_id=RUN, on_wait=ignore_waiting)
        found = con.execute("SELECT DISTINCT score FROM flights.predictions.scores").fetchall()
    assert found == [(0.25,)]


def test_what_a_rolling_model_has_forgotten_is_not_scored_by_it(sample: Sandbox) -> None:
    pipeline = sample.pipeline
    with sample.lake() as con:
        stored = Stored(ledger.current(con, "flights"))
    assert due_scores(pipeline, stored, MONTHS, frozenset()) == [*MONTHS]
    assert due_scores(pipeline, stored, MONTHS, frozenset(MONTHS[1:2])) == [*MONTHS[2:]]
