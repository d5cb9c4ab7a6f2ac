"""The Dagster component that turns one pipeline folder into a graph of assets."""

from ml_assets.component.pipeline import MLPipeline

__all__ = ["MLPipeline"]
