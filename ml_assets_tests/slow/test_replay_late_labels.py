"""The shop lived through: labels that take 91 days are learned from when a slice can hold them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ml_assets.component.folder import load_folder
from ml_assets.registry.record import read_record
from ml_assets.registry.versions import versions
from ml_assets.replay.beginning import beginning
from ml_assets.replay.replay import replay
from ml_assets.replay.root import Root, inside
from ml_assets.tables.findings import read_findings
from ml_assets.warehouse.lake import connect
from ml_assets_tests.assets.running import dagsters_own_warnings
from ml_assets_tests.sandbox import example

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings

CUSTOMERS = 23_570


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Pipeline:
    """The shop, which searches once."""
    monkeypatch.chdir(tmp_path)
    loaded = load_folder(example("shop"))
    model = loaded.declaration.model
    once = replace(model, tuning=replace(model.tuning, trials=1))
    return replace(loaded, declaration=loaded.declaration.model_copy(update={"model": once}))


@pytest.mark.longest
def test_the_shop_learns_of_what_a_slice_can_hold_and_waits_for_the_rest(
    shop: Pipeline, tmp_path: Path
) -> None:
    # The first model fits January, tunes on May and tests on September, there in January.
    assert beginning(shop) == "1998-01"
    root, told = Root(tmp_path / "replayed"), list[str]()
    with dagsters_own_warnings():
        (january,) = replay(shop, "1998-01", "1998-01", root, told.append)
    assert (january.rows, january.version, january.coverage) == (CUSTOMERS, 1, 0.0)
    assert january.decision == "retrain"
    with inside(root) as settings, connect("shop", settings, read_only=True) as con:
        uri = settings.tracking_uri
        found = [read_record(uri, one.run_id).windows for one in versions(uri, "shop")]
        monitors = read_findings(con, shop, "performance")
    # What October brought is over on 30 January, and what November brings is not.
    assert [(one["train"][-1], one["test"]) for one in found] == [
        ("1997-05", ["1997-09"]),
        ("1997-06", ["1997-10"]),
    ]
    waiting = {one.cause: one.reason for one in monitors if one.period == "1998-01"}
    due = "cleaned.returns 1998-01 looks ahead and can be built from 1998-06-01 on"
    assert waiting["performance"].endswith(due)
    assert any("over-predicts" in line and "retrain: Calibration alarm" in line for line in told)
