"""MLPipeline: the Dagster component behind one folder under pipelines/."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Self

import dagster as dg

from ml_assets.assets import pipeline_assets
from ml_assets.assets.shell import lake_key
from ml_assets.automation import pipeline_automation
from ml_assets.tables.declaration import Declaration
from ml_assets.tables.folder import load
from ml_assets.warehouse.resource import LakeResource

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ml_assets.tables.pipeline import Pipeline


def pipeline_definitions(pipeline: Pipeline) -> dg.Definitions:
    """Return the assets, checks, jobs, schedules and sensors of a loaded pipeline."""
    return dg.Definitions(
        assets=pipeline_assets(pipeline),
        **pipeline_automation(pipeline),
        resources={lake_key(pipeline): LakeResource(pipeline=pipeline.name)},
    )


class MLPipeline(dg.Component):
    """One ML problem, from raw tables to a registered, reported model."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """Return the schema of the `attributes` in a defs.yaml."""
        return Declaration

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Read the folder's declaration and the SELECTs beside it."""
        if not isinstance(attributes, Declaration):
            raise TypeError(f"expected a Declaration, not {type(attributes).__name__}")
        return cls(load(context.path.name, context.path, attributes))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the pipeline's assets, checks, jobs and schedule, and its plain Python assets."""
        own = pipeline_definitions(self.pipeline)
        return dg.Definitions.merge(own, *_python_definitions(context))


def _python_definitions(context: dg.ComponentLoadContext) -> list[dg.Definitions]:
    return [
        dg.load_definitions_from_module(
            importlib.import_module(context.defs_relative_module_name(path.with_suffix("")))
        )
        for path in sorted(context.path.glob("*.py"))
        if path.stem != "__init__"
    ]
