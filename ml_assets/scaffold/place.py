"""Where a new pipeline's folder goes, and whether its name may be used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ml_assets.errors import DeclarationError
from ml_assets.sql.names import RESERVED

if TYPE_CHECKING:
    from pathlib import Path

NAME = re.compile(r"[a-z][a-z0-9_]*")


def folder_for(name: str, pipelines: Path) -> Path:
    """Return the folder of a new pipeline; DeclarationError where the name cannot be used."""
    if not NAME.fullmatch(name):
        raise DeclarationError(
            f"{name!r} is no name for a pipeline.",
            "Use lower-case letters, digits and underscores, a letter first, as in SQL.",
        )
    if name in RESERVED:
        raise DeclarationError(
            f"{name!r} is a reserved name.",
            f"Choose another; reserved are {', '.join(sorted(RESERVED))}.",
        )
    if not (pipelines.parent.parent / "workspace.yaml").is_file():
        raise DeclarationError(
            f"{pipelines} is no checkout but an installed package, which an update would replace.",
            "Clone the repository, run `make setup` in it, and use its ml-assets.",
        )
    folder = pipelines / name
    if folder.exists():
        raise DeclarationError(
            f"There is a pipeline {name!r} already: {folder}.",
            "Choose another name, or remove that folder first.",
        )
    return folder
