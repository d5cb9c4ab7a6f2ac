"""A backtest sees what production saw: the same findings of the same model, to the letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pytest

from ml_assets import clock
from ml_assets.assets.gate_window import contender
from ml_assets.backtest.calendar import Tick
from ml_assets.backtest.model import Model
from ml_assets.backtest.models import Models
from ml_assets.backtest.past import look_back
from ml_assets.backtest.seen import Seen
from ml_assets.backtest.shelf import Shelf
from ml_assets.loop.history import History
from ml_assets.ml.boost import TrainedModel
from ml_assets.ml.training_table import PREDICTION_TIME
from ml_assets.tables.findings import read_findings
from ml_assets_tests.sandbox import ignore_waiting

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets_tests.finished import Finished

LOOP = (
    *("monitoring/reference", "monitoring/data_quality", "predictions/scores"),
    *("monitoring/days", "monitoring/performance"),
)
SCORED = "2013-03"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mine", "several"])
def test_the_monitors_say_what_they_said_in_production(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    mine: Finished = request.getfixturevalue(kind)
    assert not mine.run(*LOOP, refresh=True)
    with mine.box.lake() as con:
        wanted = read_findings(con, mine.box.pipeline, "performance")
    past = look_back(mine.box.pipeline, mine.settings)
    models = Models(past, Shelf(tmp_path / "shelf"), 0, ignore_waiting)
    own = contender(mine.settings, mine.versions()[0])
    # Production leaves out of training what was not known when the test partition began.
    opening = pc.min(past.rows(SCORED)[PREDICTION_TIME]).as_py()
    assert isinstance(own.model, TrainedModel)
    keys, parameters = tuple(sorted(own.record.trained_on)), own.record.parameters
    model = Model("champion", keys, opening, parameters, own.model, own.record.training_rows)
    seen = Seen(
        tick=Tick((SCORED,), clock.now()),
        number=1,
        models=models,
        model=model,
        version=1,
        scored=(SCORED,),
        history=History(),
        said=(),
    )
    assert len(wanted) == 4
    assert sorted(seen.found, key=lambda one: one.cause) == sorted(wanted, key=lambda o: o.cause)
