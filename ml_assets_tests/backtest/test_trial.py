"""A retraining: with a gate, what is no better stays behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ml_assets.backtest.models import Models
from ml_assets.backtest.past import look_back
from ml_assets.backtest.shelf import Shelf
from ml_assets.backtest.trial import challenge, retrain
from ml_assets_tests.backtest.world import FIRST
from ml_assets_tests.sandbox import ignore_waiting

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from ml_assets.backtest.model import Model
    from ml_assets_tests.sandbox import Sandbox

LATE = "2024-04-29"


@pytest.fixture(scope="module")
def first(models: Models) -> Model:
    """The model that is live in the first week."""
    past = models.past
    opening = past.pipeline.partitions.window(FIRST).start
    return models.train(past.over(opening), opening)


@pytest.fixture(scope="module")
def moment(models: Models) -> datetime:
    """When a week long after the world changed has its labels."""
    return _later(models, LATE)


def _later(models: Models, key: str) -> datetime:
    return models.past.pipeline.partitions.window(key).end + timedelta(days=3)


def test_without_a_gate_it_goes_live(models: Models, moment: datetime) -> None:
    found = retrain(models, models.past.over(moment), moment)
    assert found.made == (found.live,)
    assert found.live is not None
    assert list(found.live.keys) == models.past.over(moment)


def test_what_is_better_is_refitted_and_goes_live(
    models: Models, first: Model, moment: datetime
) -> None:
    found = challenge(models, first, moment)
    challenger, refit = found.made
    assert found.live is refit
    assert found.reason.endswith("better.")
    assert challenger.trained.rounds == refit.trained.rounds
    assert len(refit.keys) - len(challenger.keys) >= 4


def test_what_is_no_better_stays(models: Models, first: Model) -> None:
    found = challenge(models, first, _later(models, "2024-03-04"))
    assert len(found.made) == 1
    assert found.live is None
    assert "not shown to be better" in found.reason


def test_nothing_to_compare_on_is_said(models: Models, moment: datetime) -> None:
    champion = models.train(models.past.over(moment), moment)
    found = challenge(models, champion, moment)
    assert found.live is None
    assert found.reason == "No row that neither was trained on."


def test_the_gates_terms_and_window_are_the_declared_ones(
    parcels: Sandbox, first: Model, moment: datetime, tmp_path: Path
) -> None:
    def change(declared: dict[str, Any]) -> None:
        declared["retraining"] |= {
            "gate": {"size_limit_mb": 0.0001},
            "window": {"train": 3, "test": 2},
        }

    box = parcels.copy(tmp_path / "box")
    box.declare(change)
    shelf = Shelf(tmp_path / "shelf")
    models = Models(look_back(box.pipeline, box.settings), shelf, 0, ignore_waiting)
    found = challenge(models, first, moment)
    assert found.live is None
    assert "Packed" in found.reason
    (challenger,) = found.made
    over = models.past.over(moment)
    assert list(challenger.keys) == over[-5:-2]
    assert list(retrain(models, over, moment).made[0].keys) == over[-3:]


def test_a_refit_that_is_not_like_the_challenger_stays(
    models: Models, first: Model, moment: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml_assets.loop import sanity

    monkeypatch.setattr(sanity, "CORRELATION", 1.1)
    found = challenge(models, first, moment)
    assert len(found.made) == 2
    assert found.live is None
    assert found.reason.startswith("It passed, but not its refit. Its answers correlate")
