"""Live through the past once per policy, and compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.backtest.calendar import calendar, closings
from ml_assets.backtest.compare import compare
from ml_assets.backtest.course import follow
from ml_assets.backtest.models import Models
from ml_assets.backtest.past import look_back
from ml_assets.backtest.policies import policies
from ml_assets.backtest.shelf import Shelf
from ml_assets.warehouse.turn import file_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ml_assets.backtest.compare import Comparison
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings


def folder_of(pipeline: Pipeline, settings: Settings) -> Path:
    """Return where the pieces and the report are; all but the report may be deleted at any time."""
    return settings.data / "backtests" / pipeline.name


def backtest(
    pipeline: Pipeline,
    settings: Settings,
    names: Sequence[str],
    *,
    first: str | None = None,
    last: str | None = None,
    trials: int = 0,
    progress: Callable[[str], None],
) -> Comparison:
    """Compare policies on the partitions from `first` to `last`; the lake is only read."""
    chosen = policies(list(names), pipeline)
    folder = folder_of(pipeline, settings)
    past = look_back(pipeline, settings)
    lived = calendar(past, closings(past), first, last)
    folder.mkdir(parents=True, exist_ok=True)
    # Two at once would search in one study.
    with file_turn(folder / "backtest.lock", pipeline.name, "backtesting", progress):
        models = Models(past, Shelf(folder), trials, progress)
        start = models.train(lived.closed(lived.opening), lived.opening)
        courses = []
        for policy in chosen:
            progress(f"{policy.name}: {policy.description}")
            courses.append(follow(policy, models, lived, start))
        return compare(models, courses)
