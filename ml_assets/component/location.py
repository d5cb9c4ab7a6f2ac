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
from ml_assets.component.broken import broken_pipeline, explain, users_fault
from ml_assets.component.folder import load_folder
from ml_assets.errors import DeclarationError
from ml_assets.folders import PIPELINES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ml_assets.errors import MLAssetsError

STRICT = "ML_ASSETS_STRICT"
"""Environment variable: when set, a broken pipeline fails the load, as validation and CI want."""


def _load(folder: Path, shared: dg.Definitions) -> dg.Definitions:
    load_folder(folder)
    # One tree per folder: within a single tree, one unreadable file hides every pipeline.
    module = importlib.import_module(f"ml_assets.pipelines.{folder.name}")
    tree = dg.ComponentTree.from_module(module, project_root=PIPELINES.parent.parent)
    found = tree.build_defs_at_path(folder)
    # What fits into no graph would otherwise take every other pipeline with it.
    dg.Definitions.validate_loadable(dg.Definitions.merge(shared, found))
    return found


def _load_all(
    folders: Iterable[Path], shared: dg.Definitions
) -> tuple[list[dg.Definitions], dict[Path, Exception]]:
    """Return the definitions of every pipeline, and by folder why one cannot be loaded."""
    found, broken = [], {}
    for folder in folders:
        try:
            found.append(_load(folder, shared))
        except Exception as error:  # noqa: BLE001 - a user's Python may raise anything
            broken[folder] = error
            found.append(broken_pipeline(folder.name, explain(error, folder)))
    return found, broken


def _unloadable(broken: Mapping[Path, Exception]) -> MLAssetsError:
    """Return one error that tells all; its cause is one that is no user's fault, with its trace."""
    *others, last = (explain(error, folder) for folder, error in broken.items())
    told = DeclarationError("\n".join([*map(str, others), last.fact]), last.hint)
    told.__cause__ = next((error for error in broken.values() if not users_fault(error)), None)
    return told


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
        found, broken = _load_all(folders, shared)
        if broken and os.environ.get(STRICT):
            # Raised here: the trace of the functions that found it would bury the message.
            raise _unloadable(broken)
        return dg.Definitions.merge(shared, *found)
