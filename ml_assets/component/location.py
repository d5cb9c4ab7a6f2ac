"""What Dagster runs: the definitions of pipelines' folders, or why one cannot be loaded."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.assets.shell import RUN_GUARD
from ml_assets.automation.alerts import alert_sensors
from ml_assets.automation.console import console_logger
from ml_assets.automation.guard import RunGuard
from ml_assets.component.broken import broken_pipeline, explain
from ml_assets.component.pipeline import load_folder
from ml_assets.folders import PIPELINES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

STRICT = "ML_ASSETS_STRICT"
"""Environment variable: when set, a broken pipeline fails the load, as validation and CI want."""


def _load(folder: Path) -> dg.Definitions:
    # One tree per folder: within a single tree, one unreadable file hides every pipeline.
    module = importlib.import_module(f"ml_assets.pipelines.{folder.name}")
    tree = dg.ComponentTree.from_module(module, project_root=PIPELINES.parent.parent)
    return tree.build_defs_at_path(folder)


def _load_or_break(folder: Path, shared: dg.Definitions) -> dg.Definitions:
    try:
        load_folder(folder)
        found = _load(folder)
        # What fits into no graph would otherwise take every other pipeline with it.
        dg.Definitions.validate_loadable(dg.Definitions.merge(shared, found))
    except Exception as error:
        if os.environ.get(STRICT):
            raise
        return broken_pipeline(folder.name, explain(error, folder))
    return found


def definitions(folders: Iterable[Path]) -> dg.Definitions:
    """Return what all pipelines share and the definitions of those in `folders`."""
    shared = dg.Definitions(
        executor=dg.in_process_executor,
        loggers={"console": console_logger},
        resources={RUN_GUARD: RunGuard()},
        sensors=alert_sensors(),
    )
    with warnings.catch_warnings():
        # The component loader warns at every load of features that Dagster may still change.
        for kind in (dg.BetaWarning, dg.PreviewWarning):
            warnings.simplefilter("ignore", kind)
        pipelines = [_load_or_break(folder, shared) for folder in folders]
        return dg.Definitions.merge(shared, *pipelines)
