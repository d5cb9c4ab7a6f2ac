from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ml_assets import clock
from ml_assets.replay.root import Root, inside, root_of, set_clock
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_replay_lies_below_the_data_root_by_pipeline_and_bounds(tmp_path: Path) -> None:
    settings = Settings.from_environment({"ML_ASSETS_DATA": str(tmp_path)})
    found = root_of(settings, "flights", "2013-04", "2013-12")
    assert found.folder == tmp_path / "replays" / "flights" / "2013-04_2013-12"


def test_inside_nothing_leads_to_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "ML_ASSETS_CATALOG",
        "ML_ASSETS_STORAGE",
        "ML_ASSETS_WEBHOOK",
        "ML_ASSETS_TO_COME",
        "MLFLOW_TRACKING_URI",
        "MLFLOW_REGISTRY_URI",
        "MLFLOW_RUN_ID",
        "DAGSTER_CLOUD_URL",
    ):
        monkeypatch.setenv(name, "production")
    monkeypatch.setenv("ML_ASSETS_THREADS", "3")
    monkeypatch.setenv("UNRELATED", "stays")
    before, root = dict(os.environ), Root(tmp_path)
    with inside(root) as settings:
        set_clock(clock.now())
        assert clock.is_set()
        assert "production" not in os.environ.values()
        assert os.environ["DAGSTER_HOME"] == str(tmp_path / "state" / "dagster")
        assert os.environ["UNRELATED"] == "stays"
        assert settings.data == tmp_path / "state" / "data"
        assert settings.catalog is settings.storage is None
        assert str(settings.data) in settings.tracking_uri
        assert settings.threads == 3
    assert dict(os.environ) == before
