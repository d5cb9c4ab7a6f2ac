"""The refit: what passed is trained again on all data, or on the newest of a rolling window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ml_assets.automation.reproduce import reproduce
from ml_assets.registry.record import read_record
from ml_assets_tests.assets.contenders import aliases_of, let_slow, register_like, weaken

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished


def let_roll(declared: dict[str, Any]) -> None:
    let_slow(declared)
    declared["retraining"]["window"] = {"train": 2}


@pytest.mark.slow
def test_a_rolling_refit_forgets_the_oldest_partition_and_is_rebuilt(mine: Finished) -> None:
    mine.box.declare(let_roll)
    weaken(mine)
    register_like(mine)
    assert not mine.run("promotion")
    live = mine.versions()[aliases_of(mine)["champion"] - 1]
    assert live.refit_of == 3
    record = read_record(mine.settings.tracking_uri, live.run_id)
    assert record.windows == {"train": ["2013-02", "2013-03"], "tune": [], "test": []}
    assert reproduce(mine.box.pipeline, mine.settings, live).identical
