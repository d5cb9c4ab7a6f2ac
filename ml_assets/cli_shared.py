"""What the verbs share: the pipeline that is named, and where its data is."""

from __future__ import annotations

import atexit
import gc
import getpass
import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings

WIDTH = 120
COLLECT_AFTER = 50_000
"""New objects between two garbage collections; Python's 700 take a sixth of the start."""


def collect_seldom() -> None:
    """Let the garbage collector leave alone what imports make: nearly all of it stays."""
    gc.set_threshold(COLLECT_AFTER)
    # A process that ends would look through all of it again, for a second or two.
    atexit.register(gc.freeze)


def pipeline_named(name: str) -> Pipeline:
    """Return the pipeline called `name`; a ClickException names those there are."""
    from ml_assets.component.folder import load_folder

    return load_folder(folder_named(name))


def folder_named(name: str) -> Path:
    """Return the folder of the pipeline called `name`; a ClickException names those there are."""
    from ml_assets.folders import pipeline_folders

    folders = {folder.name: folder for folder in pipeline_folders()}
    if name not in folders:
        raise click.ClickException(f"No pipeline {name!r}. There are: {', '.join(folders)}.")
    return folders[name]


def who() -> str:
    """Return the name of the operating system's user, its number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def settings() -> Settings:
    """Return where data, catalog and storage are, from the environment."""
    from ml_assets.warehouse.settings import Settings

    return Settings.from_environment()


def wide_console() -> Console:
    """Return a console for wide tables: a pipe has no width of its own, and 80 would cut them."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=WIDTH)
