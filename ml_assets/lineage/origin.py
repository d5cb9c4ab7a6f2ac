"""Where a model version comes from: its training, and what brought it live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.errors import TrackingError
from ml_assets.lineage.registered import live

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ml_assets.lineage.registered import Live
    from ml_assets.registry.record import TrainingRecord
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.appended import DecisionRow, PromotionRow
    from ml_assets.warehouse.settings import Settings


@dataclass(frozen=True)
class ModelOrigin:
    """One registered version."""

    version: int
    aliases: tuple[str, ...]
    mlflow_run_id: str
    dagster_run_id: str | None
    """The run that trained it, as far as the registry says."""
    refit_of: int | None
    """The challenger whose hyperparameters it has."""
    created: datetime
    record: TrainingRecord
    """Its training: snapshot, windows, labels known by, rows, hashes and code versions."""
    code_changed: tuple[str, ...]
    """Tables behind it whose code is another today."""
    live: tuple[Live, ...]
    promotions: tuple[PromotionRow, ...]
    """The rows of the ledger that brought it live, oldest first."""
    decisions: tuple[DecisionRow, ...]
    """The decisions to retrain whose episodes these promotions ended."""


def origin(
    pipeline: Pipeline,
    settings: Settings,
    number: int,
    promotions: Sequence[PromotionRow],
    decisions: Sequence[DecisionRow],
) -> ModelOrigin | None:
    """Return where a version comes from, None where registry or MLflow run have lost it."""
    from ml_assets.registry.record import read_record
    from ml_assets.registry.versions import versions

    found = {one.version: one for one in versions(settings.tracking_uri, pipeline.name)}
    version = found.get(number)
    if version is None:
        return None
    try:
        record = read_record(settings.tracking_uri, version.run_id)
    except TrackingError:
        return None
    rows = tuple(row for row in promotions if row.promoted and row.to_version == number)
    episodes = {row.episode for row in rows} - {None}
    return ModelOrigin(
        version=number,
        aliases=version.aliases,
        mlflow_run_id=version.run_id,
        dagster_run_id=version.tags.get("dagster.run_id"),
        refit_of=version.refit_of,
        created=version.created,
        record=record,
        code_changed=tuple(_changed(pipeline, record.code_versions)),
        live=live(number, promotions),
        promotions=rows,
        decisions=tuple(
            row for row in decisions if row.action == "retrain" and row.episode in episodes
        ),
    )


def _changed(pipeline: Pipeline, then: Mapping[str, str]) -> list[str]:
    now = {node.dotted: node.code_version for node in pipeline.ordered}
    return sorted(name for name in then.keys() & now.keys() if then[name] != now[name])
