"""Parcels that are built once, and looked back on once."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ml_assets.backtest.models import Models
from ml_assets.backtest.past import look_back
from ml_assets.backtest.run import backtest
from ml_assets.backtest.shelf import Shelf
from ml_assets_tests.backtest.world import write_parcels
from ml_assets_tests.sandbox import build_all, ignore_waiting

if TYPE_CHECKING:
    from ml_assets.backtest.compare import Comparison
    from ml_assets.backtest.past import Past
    from ml_assets_tests.sandbox import Sandbox


@pytest.fixture(scope="session")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Half a year of parcels, built; to read only."""
    box = write_parcels(tmp_path_factory.mktemp("parcels"))
    with contextlib.chdir(box.root), box.lake() as con:
        build_all(con, box.pipeline)
    return box


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
def compared(parcels: Sandbox) -> Told:
    """All policies compared on the parcels."""
    lines: list[str] = []
    found = backtest(parcels.pipeline, parcels.settings, (), progress=lines.append)
    return Told(found, lines)
