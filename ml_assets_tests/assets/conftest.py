"""A finished pipeline that is also scored and monitored, made once for the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets_tests.conftest import _point_to

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.warehouse.settings import Settings
    from ml_assets_tests.finished import Finished


@pytest.fixture
def monitored(
    monitored_as_built: Finished,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> Finished:
    """A copy of the monitored flights, to change at will; the environment points to it."""
    twin = monitored_as_built.copy(tmp_path / "box")
    _point_to(twin.box, monkeypatch)
    return twin
