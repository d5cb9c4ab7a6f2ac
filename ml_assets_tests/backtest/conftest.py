"""Parcels that are built once, and looked back on once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ml_assets.backtest.models import Models
from ml_assets.backtest.past import look_back
from ml_assets.backtest.run import backtest
from ml_assets.backtest.shelf import Shelf
from ml_assets_tests.backtest.world import write_parcels
from ml_assets_tests.conftest import _build, once
from ml_assets_tests.sandbox import Sandbox, ignore_waiting

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.backtest.compare import Comparison
    from ml_assets.backtest.past import Past


@pytest.fixture(scope="session")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Half a year of parcels, built; to read only."""
    folder, name = once(tmp_path_factory, "parcels", lambda root: _build(write_parcels(root)))
    return Sandbox(folder, name)


@pytest.fixture(scope="session")
def past(parcels: Sandbox) -> Past:
    """The parcels looked back on."""
    return look_back(parcels.pipeline, parcels.settings)


@pytest.fixture(scope="session")
def models(past: Past, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The models of all tests that only read, each trained once."""
    return Models(past, Shelf(tmp_path_factory.mktemp("shelf")), 0, ignore_waiting)


@dataclass(frozen=True)
class Told:
    """A backtest with what it said as it went."""

    found: Comparison
    lines: list[str]


@pytest.fixture(scope="session")
def compared(parcels: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """All policies compared on the parcels."""

    def make(_: Path) -> str:
        lines: list[str] = []
        backtest(parcels.pipeline, parcels.settings, (), progress=lines.append)
        return "\n".join(lines)

    _, told = once(tmp_path_factory, "compared", make)
    # The models are on the shelf by now.
    found = backtest(parcels.pipeline, parcels.settings, (), progress=ignore_waiting)
    return Told(found, told.splitlines())
