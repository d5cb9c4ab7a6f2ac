"""The evaluation: the newest version on the held-out last window, touched once per version."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.assets.report_context import report_context
from ml_assets.assets.step import step_asset
from ml_assets.assets.train import training_code
from ml_assets.errors import TrackingError
from ml_assets.tables.metrics import declared_metrics
from ml_assets.tables.pipeline import code_hash
from ml_assets.tables.training import read
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.ml.results import Evaluation
    from ml_assets.registry.record import TrainingRecord
    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline

NAME = "evaluation"
REPORT = "report.html"


def evaluation_asset(pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the asset that measures the newest version and writes its report."""
    return step_asset(
        pipeline,
        NAME,
        _measure_and_report,
        after=[("model",)],
        kinds={"mlflow", "html"},
        code_version=code_hash([training_code(pipeline), asdict(pipeline.declaration.evaluation)]),
        description="Metrics with intervals beside the baselines, on data later than all training.",
    )


def _measure_and_report(
    pipeline: Pipeline, context: dg.AssetExecutionContext
) -> dict[str, dg.MetadataValue]:
    settings = Settings.from_environment()
    version = newest_version(settings, pipeline)
    found, record = _evaluate(context, pipeline, settings, version)
    report = _report(context, pipeline, settings, version, found, record)
    context.log.info(f"report: {report}")
    return _metadata(found, version, report)


def newest_version(settings: Settings, pipeline: Pipeline) -> Version:
    """Return the newest version that was trained; raises TrackingError where there is none.

    A refit is left out: it was trained on all data, so that no window is left to measure it on.
    """
    from ml_assets.registry.versions import versions

    every = versions(settings.tracking_uri, pipeline.name)
    found = [version for version in every if version.refit_of is None]
    if not found:
        raise TrackingError(
            f"No version of {pipeline.name} is registered.", f"Materialize {pipeline.name}/model."
        )
    return found[-1]


def _evaluate(
    context: dg.AssetExecutionContext, pipeline: Pipeline, settings: Settings, version: Version
) -> tuple[Evaluation, TrainingRecord]:
    from ml_assets.ml.declared import metric_columns
    from ml_assets.ml.evaluate import evaluate
    from ml_assets.registry.package import load_baselines, load_native
    from ml_assets.registry.record import read_record
    from ml_assets.registry.tracking import log_metrics

    record = read_record(settings.tracking_uri, version.run_id)
    window, declared = record.windows["test"], declared_metrics(pipeline)
    with connect(pipeline.name, settings, snapshot=record.snapshot_id) as con:
        names = [*record.features, *metric_columns(declared, record.features)]
        test = read(con, pipeline, record.labels_known_by, names, window)
    context.log.info(f"scores {test.num_rows:,} rows of {', '.join(window)}")
    found = evaluate(
        load_native(settings.tracking_uri, version.uri),
        load_baselines(settings.tracking_uri, version.run_id),
        test,
        pipeline.declaration.model,
        pipeline.declaration.evaluation,
        pipeline.declaration.label.unit,
        declared,
    )
    for each in found.unseen:
        context.log.warning(
            f"{each.rows:,} test rows are of the class {each.name!r}, which training did not see:"
            " they cost what a certain error costs"
        )
    log_metrics(settings.tracking_uri, version.run_id, numbers(found))
    return found, record


def numbers(found: Evaluation) -> dict[str, float]:
    """Return every candidate's test metrics with their interval bounds, by a flat name."""
    return {
        f"{candidate.name}/{metric}{suffix}": value
        for candidate in found.candidates
        for metric, estimate in candidate.metrics.items()
        for suffix, value in (
            ("", estimate.value),
            ("_low", estimate.low),
            ("_high", estimate.high),
        )
    }


def _report(
    context: dg.AssetExecutionContext,
    pipeline: Pipeline,
    settings: Settings,
    version: Version,
    found: Evaluation,
    record: TrainingRecord,
) -> Path:
    from ml_assets.registry.tracking import log_text
    from ml_assets.reports.report import render

    # At the model's snapshot: the lake may have moved on since.
    with connect(pipeline.name, settings, snapshot=record.snapshot_id) as con:
        about = report_context(context.instance, con, pipeline, version, record)
    html = render(found, about)
    log_text(settings.tracking_uri, version.run_id, REPORT, html)
    path = settings.data / "reports" / f"{pipeline.name}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")
    return path


def _metadata(found: Evaluation, version: Version, report: Path) -> dict[str, dg.MetadataValue]:
    from ml_assets.reports.preview import preview

    metrics = {
        name.replace("/", " "): dg.MetadataValue.float(value)
        for name, value in numbers(found).items()
    }
    return {
        "report": dg.MetadataValue.path(str(report)),
        "summary": dg.MetadataValue.md(preview(found)),
        "version": dg.MetadataValue.int(version.version),
        "test_rows": dg.MetadataValue.int(found.rows),
        **metrics,
    }
