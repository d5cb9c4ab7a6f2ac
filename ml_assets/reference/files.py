"""The generated files of the repository and what they must hold."""

from __future__ import annotations

from pathlib import Path

from ml_assets.reference.markdown import reference_text
from ml_assets.reference.schema import schema_text

PACKAGE = Path(__file__).parent.parent
SCHEMA_FILE = PACKAGE / "pipelines" / "defs.schema.json"
REFERENCE_FILE = PACKAGE.parent / "docs" / "reference.md"


def generated() -> dict[Path, str]:
    """Return every generated file with its text."""
    return {SCHEMA_FILE: schema_text(), REFERENCE_FILE: reference_text()}
