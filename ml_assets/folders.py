"""Where the pipelines are: every folder under pipelines/ with a defs.yaml."""

from __future__ import annotations

from pathlib import Path

PIPELINES = Path(__file__).parent / "pipelines"
DEFS_FILE = "defs.yaml"


def pipeline_folders() -> list[Path]:
    """Return the pipelines' folders, in order of their names."""
    return sorted(path.parent for path in PIPELINES.glob(f"*/{DEFS_FILE}"))
