"""The code location: every pipeline under pipelines/, or why it cannot be loaded."""

from __future__ import annotations

import importlib
import os
import warnings
from pathlib import Path

import dagster as dg

from ml_assets.assets.shell import RUN_GUARD
from ml_assets.automation.console import console_logger
from ml_assets.automation.guard import RunGuard
from ml_assets.component.broken import broken_pipeline
from ml_assets.component.pipeline import DEFS_FILE, load_folder
from ml_assets.errors import MLAssetsError

PIPELINES = Path(__file__).parent / "pipelines"

STRICT = "ML_ASSETS_STRICT"
"""Environment variable: when set, a broken pipeline fails the load, as validation and CI want."""


def pipeline_folders() -> list[Path]:
    """Return the pipelines' folders, in order of their names."""
    return sorted(path.parent for path in PIPELINES.glob(f"*/{DEFS_FILE}"))


def _load(folder: Path) -> dg.Definitions:
    # One tree per folder: within a single tree, one unreadable file hides every pipeline.
    module = importlib.import_module(f"ml_assets.pipelines.{folder.name}")
    tree = dg.ComponentTree.from_module(module, project_root=PIPELINES.parent.parent)
    return tree.build_defs_at_path(folder)


def _load_or_break(folder: Path) -> dg.Definitions:
    strict = bool(os.environ.get(STRICT))
    try:
        load_folder(folder)
        return _load(folder)
    except MLAssetsError as error:
        if strict:
            raise
        return broken_pipeline(folder.name, str(error))
    except Exception as error:
        if strict:
            raise
        cause = _root(error)
        return broken_pipeline(folder.name, f"{type(cause).__name__}: {cause}")


def _root(error: BaseException) -> BaseException:
    """Return what the component loader's own exceptions were raised from."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _definitions() -> dg.Definitions:
    with warnings.catch_warnings():
        # The component loader warns of its own beta features at every load.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.Definitions.merge(
            dg.Definitions(
                executor=dg.in_process_executor,
                loggers={"console": console_logger},
                resources={RUN_GUARD: RunGuard()},
            ),
            *(_load_or_break(folder) for folder in pipeline_folders()),
        )


defs = _definitions()
