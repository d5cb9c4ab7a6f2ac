"""The code location: every pipeline under pipelines/."""

from __future__ import annotations

from ml_assets.component.location import definitions
from ml_assets.folders import pipeline_folders

defs = definitions(pipeline_folders())
