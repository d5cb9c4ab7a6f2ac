"""What a pipeline's folder declares, read without Dagster."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ml_assets.component.check import check, check_schedule
from ml_assets.component.read import located, read_declaration
from ml_assets.errors import DeclarationError
from ml_assets.folders import DEFS_FILE
from ml_assets.tables.folder import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml_assets.tables.pipeline import Pipeline


def load_folder(folder: Path) -> Pipeline:
    """Return the pipeline declared in `folder`; raises DeclarationError where it is wrong."""
    pipeline = read_folder(folder)
    with _located(folder):
        check_schedule(pipeline)
    return pipeline


def read_folder(folder: Path) -> Pipeline:
    """Return the same without asking Dagster, which takes long to import, about its schedule."""
    declaration = read_declaration(folder / DEFS_FILE)
    with _located(folder):
        pipeline = load(folder.name, folder, declaration)
        check(pipeline)
    return pipeline


@contextmanager
def _located(folder: Path) -> Iterator[None]:
    try:
        yield
    except DeclarationError as error:
        raise located(folder / DEFS_FILE, error) from error
