"""A whole backtest: the same each time, quick the second time, and going on where it stopped."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ml_assets.backtest.page import render
from ml_assets.backtest.run import backtest, folder_of
from ml_assets.ml import boost
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.snapshots import current_snapshot
from ml_assets_tests.sandbox import ignore_waiting

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.backtest.compare import Comparison
    from ml_assets_tests.backtest.conftest import Told
    from ml_assets_tests.sandbox import Sandbox

NAMES = ("every:3", "psi:.1")
LAST = "2024-03-04"


def run(box: Sandbox, lines: list[str] | None = None) -> Comparison:
    told = ignore_waiting if lines is None else lines.append
    return backtest(box.pipeline, box.settings, NAMES, last=LAST, progress=told)


def computed(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(("trains", "scores"))]


@pytest.mark.slow
def test_a_second_call_computes_nothing(
    parcels: Sandbox, compared: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(boost, "train", refuse)
    monkeypatch.setattr("ml_assets.backtest.seen.performance_found", refuse)
    lines: list[str] = []
    again = backtest(parcels.pipeline, parcels.settings, (), progress=lines.append)
    assert computed(compared.lines)
    assert not computed(lines)
    assert render(again) == render(compared.found)


def test_no_model_is_trained_for_two_policies(compared: Told) -> None:
    models = {
        model.name
        for result in compared.found.results
        for model in (*result.course.live.values(), *result.course.trained)
    }
    trained = [line for line in compared.lines if line.startswith("trains")]
    assert len(trained) == len(models)


@pytest.mark.slow
def test_one_that_was_stopped_goes_on(parcels: Sandbox, tmp_path: Path) -> None:
    whole, broken = (_fresh(parcels, tmp_path / name) for name in ("whole", "broken"))
    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        if len(computed(lines)) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backtest(broken.pipeline, broken.settings, NAMES, last=LAST, progress=stop)
    resumed: list[str] = []
    assert render(run(broken, resumed)) == render(run(whole))
    # What it was about to compute when it was stopped is computed now, and nothing before that.
    assert computed(lines)[-1] in resumed
    assert not set(computed(lines)[:-1]) & set(resumed)


def _fresh(box: Sandbox, root: Path) -> Sandbox:
    """Return a copy in which no backtest was run."""
    twin = box.copy(root)
    shutil.rmtree(folder_of(twin.pipeline, twin.settings), ignore_errors=True)
    return twin


@pytest.mark.slow
def test_the_lake_is_only_read(parcels: Sandbox) -> None:
    def newest() -> int:
        with connect(parcels.name, parcels.settings, read_only=True) as con:
            return current_snapshot(con, parcels.name)

    before = newest()
    run(parcels)
    assert newest() == before
    assert not (parcels.settings.data / "mlflow").exists()
