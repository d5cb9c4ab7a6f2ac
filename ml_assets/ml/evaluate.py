"""Everything measured on the test rows in one look: the model beside its baselines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.errors import DeclarationError
from ml_assets.ml import calibration, curves, metrics, multiclass
from ml_assets.ml.bootstrap import Resampling
from ml_assets.ml.classes import codes
from ml_assets.ml.declared import metric_columns
from ml_assets.ml.importance import importance
from ml_assets.ml.model import answers, vocabulary
from ml_assets.ml.per_class import per_class
from ml_assets.ml.results import (
    Candidate,
    Curve,
    Estimate,
    Evaluation,
    MetricFacts,
    SliceResult,
)
from ml_assets.ml.scored import Scored
from ml_assets.ml.training_table import CLUSTER, PARTITION, Bools, Floats, clusters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ml_assets.ml.baselines import Predictor
    from ml_assets.ml.declared import DeclaredMetric, Measured
    from ml_assets.ml.model import Model
    from ml_assets.ml.spec import EvaluationSpec, ModelSpec

FEWEST_CLUSTERS = 5
"""Days a slice needs before an interval from resampling days says anything."""
MISSING = "(missing)"


def evaluate(
    model: Model,
    baselines: Sequence[Predictor],
    table: pa.Table,
    spec: ModelSpec,
    evaluation: EvaluationSpec,
    unit: str = "",
    declared: Sequence[DeclaredMetric] = (),
) -> Evaluation:
    """Measure the model and its baselines on the test rows in `table`; `unit` is the label's.

    `table` has the columns that the pipeline's own metrics, `declared`, need.
    """
    predictors: list[Predictor] = [model, *baselines]
    # With what no model has seen: its rows are measured like the others.
    classes = vocabulary(table, predictors)
    scores = {p.name: answers(p, table, classes) for p in predictors}
    sampling = Resampling(clusters(table), evaluation.resamples, spec.seed)
    needed = table.select([CLUSTER, *metric_columns(declared, ())])
    every = Scored(spec.problem, codes(table, classes), scores, sampling, needed, declared, classes)
    candidates = _candidates(every, predictors)
    own = scores[model.name]
    binary, days = spec.problem == "binary", pc.min_max(table[CLUSTER]).as_py()
    rivals = replace(every, scores=_rivals(candidates, scores))
    return Evaluation(
        problem=spec.problem,
        unit=unit,
        primary=metrics.PRIMARY[spec.problem],
        test_start=str(days["min"]),
        test_end=str(days["max"]),
        rows=table.num_rows,
        clusters=sampling.count,
        positives=int(every.label.sum()) if binary else None,
        candidates=candidates,
        minimum_support=evaluation.minimum_support,
        minimum_days=FEWEST_CLUSTERS,
        by_partition=_slices(rivals, table, PARTITION, evaluation),
        by_slice=[
            s for name in evaluation.slices for s in _slices(rivals, table, name, evaluation)
        ],
        importance=importance(model, table, spec.threads),
        calibration=calibration.bins(every.label, own, sampling) if binary else [],
        roc=_curves(rivals, curves.roc),
        precision_recall=_curves(rivals, curves.precision_recall),
        declared={
            metric.name: MetricFacts(metric.meaning, metric.smaller_is_better)
            for metric in declared
        },
        classes=per_class(every.label, own, classes, model.classes, sampling),
        confusion=multiclass.confusion(every.label, own).tolist() if classes else [],
    )


def _candidates(every: Scored, predictors: Sequence[Predictor]) -> list[Candidate]:
    """Return the model, then the baselines by the primary metric, worst first."""
    own = every.own(predictors[0].name)
    model, *baselines = (_candidate(every, one, own) for one in predictors)
    primary = metrics.PRIMARY[every.problem]
    return [model, *sorted(baselines, key=lambda c: -c.metrics[primary].value)]


def _candidate(every: Scored, predictor: Predictor, models: Mapping[str, Measured]) -> Candidate:
    """Return what is measured of a candidate beside what declared metrics say of the model."""
    name = predictor.name
    is_model = name == next(iter(every.scores))
    measured = every.estimate(name)
    if every.problem == "binary":
        measured["observed_expected"] = calibration.observed_expected(
            every.label, every.scores[name], every.sampling
        )
    own = models if is_model else every.own(name)
    measured |= {key: one.estimate for key, one in own.items()}
    if is_model:
        return Candidate(name, predictor.description, measured)
    paired = {key: one.minus(models[key]).estimate for key, one in own.items()}
    differences = every.differences(name) | paired
    return Candidate(name, predictor.description, measured, every.gain(name), differences)


def _rivals(candidates: Sequence[Candidate], scores: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the scores of the model and of the best baseline, where there is one."""
    names = dict.fromkeys((candidates[0].name, candidates[-1].name))
    return {name: scores[name] for name in names}


def _slices(
    rivals: Scored, table: pa.Table, dimension: str, evaluation: EvaluationSpec
) -> list[SliceResult]:
    """Return one result per value of a column: partitions in order, other values by size."""
    if dimension not in table.column_names:
        raise DeclarationError(
            f"evaluation.slices names {dimension}, which the training table lacks.",
            f"Name feature or key columns: {', '.join(table.column_names)}.",
        )
    values = np.array(table[dimension].cast(pa.string()).fill_null(MISSING).to_pylist())
    found, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    order = range(len(found)) if dimension == PARTITION else np.argsort(-counts, kind="stable")
    return [_slice(rivals, dimension, str(found[i]), codes == i, evaluation) for i in order]


def _slice(
    rivals: Scored, dimension: str, value: str, inside: Bools, evaluation: EvaluationSpec
) -> SliceResult:
    label = rivals.label[inside]
    binary = rivals.problem == "binary"
    days = len(np.unique(rivals.sampling.clusters[inside]))
    supported = len(label) >= evaluation.minimum_support and days >= FEWEST_CLUSTERS
    if rivals.problem in metrics.PROBABILITIES and len(np.unique(label)) < 2:
        supported = False
    positives = int(label.sum()) if binary else None
    measured = _compare(rivals.only(inside)) if supported else None
    return SliceResult(dimension, value, len(label), positives, measured)


def _compare(rivals: Scored) -> dict[str, Estimate]:
    """Return the model's metrics, the best baseline's as baseline_<metric>, and the gain."""
    model, *others = rivals.scores
    measured = rivals.estimate(model) | rivals.own_defined(model)
    for name in others:
        found = rivals.estimate(name) | rivals.own_defined(name)
        measured |= {f"baseline_{key}": value for key, value in found.items()}
        measured["gain"] = rivals.gain(name)
    return measured


def _curves(rivals: Scored, curve: Callable[[Floats, Floats], Curve]) -> dict[str, Curve]:
    if rivals.problem != "binary":
        return {}
    return {name: curve(rivals.label, score) for name, score in rivals.scores.items()}
