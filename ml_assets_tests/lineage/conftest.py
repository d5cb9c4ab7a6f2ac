"""The finished flights with everything behind a champion: scores, verdicts and a decision."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ml_assets_tests.conftest import _copy, _point_to, once

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.warehouse.settings import Settings
    from ml_assets_tests.finished import Finished


@pytest.fixture(scope="session")
def whole_as_built(
    monitored_as_built: Finished, tmp_path_factory: pytest.TempPathFactory
) -> Finished:
    """The finished flights, scored, monitored and decided upon; to read only."""

    def make(root: Path) -> str:
        with pytest.MonkeyPatch.context() as patch:
            twin = _copy(monitored_as_built, root, patch)
            assert not twin.run("retraining_decision", refresh=True)
        return twin.run_id

    folder, _ = once(tmp_path_factory, "whole", make)
    return replace(monitored_as_built, box=replace(monitored_as_built.box, root=folder / "box"))


@pytest.fixture
def built(
    whole_as_built: Finished, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> Finished:
    """The same, with the environment pointing to it; to read only."""
    _point_to(whole_as_built.box, monkeypatch)
    return whole_as_built


@pytest.fixture
def mine(
    whole_as_built: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> Finished:
    """A copy of it to change at will; the environment points to it."""
    return _copy(whole_as_built, tmp_path, monkeypatch)
