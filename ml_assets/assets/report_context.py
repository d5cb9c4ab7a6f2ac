"""What the report says besides the evaluation, gathered from the lake, MLflow and Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets import clock
from ml_assets.assets.events import latest_check
from ml_assets.assets.shell import verdict_key
from ml_assets.reports.context import (
    ModelFacts,
    Provenance,
    ReportContext,
    TableAccounting,
    TableFacts,
    TimeTravel,
    Window,
)
from ml_assets.sql.tables import CleanedTable, FeatureTable
from ml_assets.tables.quality import broken_slices
from ml_assets.tables.spine import spine
from ml_assets.tables.summary import all_totals
from ml_assets.tables.training import summarise

if TYPE_CHECKING:
    from collections.abc import Iterable

    import dagster as dg
    from duckdb import DuckDBPyConnection

    from ml_assets.registry.record import TrainingRecord
    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Node, Pipeline
    from ml_assets.tables.summary import Totals
    from ml_assets.tables.training import TrainingSet


def report_context(
    instance: dg.DagsterInstance,
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    version: Version,
    record: TrainingRecord,
) -> ReportContext:
    """Return the context of a report on `version`; `con` reads the lake at its snapshot."""
    totals = all_totals(con, pipeline)
    broken = broken_slices(con, pipeline)
    trained = record.windows["train"]
    source = summarise(con, pipeline, record.labels_known_by, broken, trained)
    declared = pipeline.declaration
    return ReportContext(
        pipeline=pipeline.name,
        description=declared.description,
        question=declared.label.description,
        prediction_time=_prediction_time(pipeline),
        time_zone=declared.time_zone,
        model=_model(pipeline, version, record, source),
        provenance=Provenance(
            snapshot_id=record.snapshot_id,
            mlflow_run_id=version.run_id,
            dagster_run_id=version.tags.get("dagster.run_id", ""),
            code_version=record.code_versions["training"],
            built_at=clock.now(),
            libraries=record.environment.libraries,
        ),
        accounting=tuple(_accounting(pipeline, totals)),
        tables=tuple(_facts(pipeline, totals)),
        time_travel=tuple(_travels(instance, pipeline)),
    )


def _prediction_time(pipeline: Pipeline) -> str:
    _, table = spine(pipeline)
    column = table.columns[table.prediction_time or ""]
    return column.description or str(table.prediction_time)


def _model(
    pipeline: Pipeline, version: Version, record: TrainingRecord, source: TrainingSet
) -> ModelFacts:
    aliases = [name for name in ("champion", "challenger") if name in version.aliases]
    return ModelFacts(
        name=version.name,
        version=str(version.version),
        alias=aliases[0] if aliases else None,
        windows=tuple(_windows(pipeline, record)),
        training_rows=record.training_rows,
        left_out={
            "no label": source.without_label,
            "label not known yet": source.immature,
            "in slices judged broken": source.broken,
            "label not known when the test window began": record.purged,
        },
        parameters=record.parameters,
        rounds=record.rounds,
        model_hash=record.model_hash,
        losses=record.losses,
    )


def _windows(pipeline: Pipeline, record: TrainingRecord) -> Iterable[Window]:
    tune = record.windows["tune"]
    train = [key for key in record.windows["train"] if key not in tune]
    for role, keys in (("train", train), ("tune", tune), ("test", record.windows["test"])):
        if not keys:
            continue
        first, last = pipeline.partitions.window(keys[0]), pipeline.partitions.window(keys[-1])
        yield Window(
            role=role,  # type: ignore[arg-type]
            partitions=tuple(keys),
            start=pipeline.partitions.local(first.start).date().isoformat(),
            end=pipeline.partitions.local(last.end).date().isoformat(),
        )


def _accounting(pipeline: Pipeline, totals: dict[str, Totals]) -> Iterable[TableAccounting]:
    for node in pipeline.ordered:
        if node.dotted in totals and node.layer in {"raw", "cleaned"}:
            found = totals[node.dotted]
            table = node.declared
            yield TableAccounting(
                table=node.dotted,
                driving=table.rows if isinstance(table, CleanedTable) else "source",
                rows_in=found.rows_in,
                kept=found.kept,
                rejected=found.rejected,
                duplicates=found.duplicates,
                excluded=found.excluded,
            )


def _facts(pipeline: Pipeline, totals: dict[str, Totals]) -> Iterable[TableFacts]:
    for node in pipeline.ordered:
        if node.dotted in totals and node.layer != "raw":
            yield TableFacts(
                table=node.dotted, rows=totals[node.dotted].kept, known_at=_known_at(node)
            )


def _known_at(node: Node) -> str | None:
    if isinstance(node.declared, CleanedTable):
        return node.declared.known_at
    return node.declared.prediction_time if isinstance(node.declared, FeatureTable) else None


def _travels(instance: dg.DagsterInstance, pipeline: Pipeline) -> Iterable[TimeTravel]:
    for node in pipeline.features:
        found = latest_check(instance, verdict_key(pipeline, node))
        if found is not None:
            yield TimeTravel(
                table=node.dotted,
                passed=found.passed,
                cutoffs=found.values["cutoffs"],
                rows=found.values["rows_compared"],
                leaking=tuple(found.values["leaking"]),
            )
