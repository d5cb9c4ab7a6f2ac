"""The Dagster component that turns one pipeline folder into a graph of assets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_assets.component.pipeline import MLPipeline

__all__ = ["MLPipeline"]


def __getattr__(name: str) -> type[MLPipeline]:
    # Late: what only reads a declaration does not wait for Dagster.
    if name != "MLPipeline":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ml_assets.component.pipeline import MLPipeline

    return MLPipeline
