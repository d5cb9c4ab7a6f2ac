"""The metrics a pipeline declares, each a function beside its defs.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.errors import DeclarationError
from ml_assets.functions import load_function
from ml_assets.ml.declared import CLASSES, GIVEN, DeclaredMetric
from ml_assets.ml.metrics import METRICS
from ml_assets.ml.training_table import MULTICLASS
from ml_assets.sql.tables import FeatureTable
from ml_assets.tables.spine import spine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.ml.spec import MetricSpec
    from ml_assets.tables.pipeline import Pipeline


def declared_metrics(pipeline: Pipeline) -> list[DeclaredMetric]:
    """Return the metrics of `evaluation.metrics`; raises DeclarationError for one that is wrong."""
    found: dict[str, DeclaredMetric] = {}
    known = _known(pipeline)
    for spec in pipeline.declaration.evaluation.metrics:
        metric = _metric(pipeline, spec, known)
        taken = {*METRICS[pipeline.declaration.model.problem], "observed_expected", *found}
        if metric.name in taken:
            raise DeclarationError(
                f"evaluation.metrics: {metric.name!r} is the name of two metrics.",
                f"Name the function otherwise; taken are {', '.join(sorted(taken))}.",
            )
        found[metric.name] = metric
    return list(found.values())


def _metric(pipeline: Pipeline, spec: MetricSpec, known: Sequence[str]) -> DeclaredMetric:
    function = load_function(pipeline.folder, spec.function)
    takes = tuple(name for name, rule in function.parameters.items() if rule.default is rule.empty)
    for name in takes:
        if name not in known:
            raise DeclarationError(
                f"evaluation.metrics: {spec.function} takes {name!r}, which is no column.",
                f"It may take {', '.join(known)}; others need a default.",
            )
    return DeclaredMetric(
        function.name, function.summary, spec.smaller_is_better, function.call, takes
    )


def _known(pipeline: Pipeline) -> list[str]:
    """Return what a metric may take: what is given, the key, and columns of all feature tables."""
    several = pipeline.declaration.model.problem == MULTICLASS
    given = [name for name in GIVEN if several or name != CLASSES]
    tables = [node.declared for node in pipeline.features]
    moments = {
        moment
        for table in tables
        if isinstance(table, FeatureTable)
        for moment in (table.time, table.prediction_time)
    }
    own = [name for table in tables for name in table.columns if name not in moments]
    columns = [name for name in (*spine(pipeline)[1].key, *own) if name not in GIVEN]
    return list(dict.fromkeys([*given, *columns]))
