"""Labels that only a slice which looks ahead can hold: known is not yet there."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets import clock
from ml_assets.backtest.calendar import calendar, closings
from ml_assets.backtest.past import look_back
from ml_assets.errors import DataError
from ml_assets.ml.training_table import LABEL_KNOWN_AT
from ml_assets_tests.sandbox import build_all
from ml_assets_tests.shop import look_ahead, write_shop

if TYPE_CHECKING:
    from ml_assets.backtest.past import Past

MARCH, APRIL = (datetime(2024, month, 1, tzinfo=UTC) for month in (3, 4))
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    """Orders of three months; what an order's next ten days bring is in a slice a month later."""
    box = write_shop(tmp_path_factory.mktemp("ahead"))
    look_ahead(box)
    # Whole months, so that no order looks beyond the last one.
    box.declare(lambda declared: declared.update(time_zone="UTC"))
    with contextlib.chdir(box.root), box.lake() as con:
        build_all(con, box.pipeline)
    return look_back(box.pipeline, box.settings)


@pytest.mark.parametrize(("key", "built"), [("2024-01", MARCH), ("2024-02", APRIL)])
def test_a_label_is_there_once_its_slice_could_be_built(
    past: Past, key: str, built: datetime
) -> None:
    own = past.outcomes[key]
    before = built - SECOND
    assert not own.known(before).any()
    assert not past.training_rows([key], before).num_rows
    assert own.known(built).sum() == past.training_rows([key], built).num_rows == len(own.label)
    # Known it was before, and that is what splits in time go by.
    assert max(past.known_facts([key], built)[LABEL_KNOWN_AT].to_pylist()) < before


def test_what_no_slice_can_hold_is_never_there(past: Past) -> None:
    late = datetime(2100, 1, 1, tzinfo=UTC)
    assert np.isnan(past.outcomes["2024-03"].label).all()
    assert not past.outcomes["2024-03"].known(late).any()


def test_a_month_closes_with_its_slice_and_one_without_never(past: Past) -> None:
    assert closings(past) == {"2024-01": MARCH, "2024-02": APRIL}


def test_months_that_get_their_labels_together_are_looked_at_together(past: Past) -> None:
    february = {f"2024-{month:02d}": MARCH for month in (1, 2)} | {"2024-03": APRIL}
    begun = {"2023-11": MARCH - timedelta(days=40), "2023-12": MARCH - timedelta(days=35)}
    made = calendar(past, {**begun, **february}, "2024-02", None)
    assert [(tick.keys, tick.moment) for tick in made.ticks] == [(("2024-01", "2024-02"), MARCH)]
    assert made.closed(MARCH - SECOND) == [*begun]
    assert made.closed(MARCH) == [*begun, "2024-01", "2024-02"]


def test_too_early_a_beginning_says_from_when_on_it_can_be(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(clock.NOW, "2024-06-01T00:00:00+00:00")
    with pytest.raises(DataError, match=r"0 partitions had .* theirs from 2024-04-01 on") as error:
        calendar(past, {**closings(past), "2024-03": APRIL}, "2024-02", None)
    assert "fewer than 2" in str(error.value)
