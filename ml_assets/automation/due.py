"""What of a pipeline is not up to date, and why: tables, model, scores, monitors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ml_assets.assets.attempts import attempts_of
from ml_assets.assets.reference import has_champion
from ml_assets.assets.scorings import due_scorings
from ml_assets.assets.train import code_versions
from ml_assets.errors import StorageError
from ml_assets.loop.attempt import active
from ml_assets.tables.findings import MONITORS, findings_table
from ml_assets.tables.freshness import training_tables
from ml_assets.tables.plan import Step, Stored, plan
from ml_assets.tables.scores import scores_table
from ml_assets.tables.sources import fingerprints
from ml_assets.tables.spine import spine
from ml_assets.tables.visibility import slice_keys
from ml_assets.warehouse import ledger
from ml_assets.warehouse.appended import promotions
from ml_assets.warehouse.lake import connect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dagster as dg

    from ml_assets.loop.attempt import Attempt
    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings

REBUILT = "its tables are rebuilt: trained if they hold other data or are of other code"


@dataclass(frozen=True)
class Due:
    """What a run would build: slices of tables, and whether the model is behind them."""

    steps: list[Step]
    model: str | None
    """Why a model is due; None where the newest version is of this code and this data."""
    loop: str | None = None
    """Why scores and monitors are due though neither table nor model is."""

    scores: Mapping[str | None, str] = field(default_factory=dict)
    """Why slices are scored, by partition, in tables that are up to date."""

    @property
    def nothing(self) -> bool:
        """Whether a run would find everything up to date."""
        return not (self.steps or self.model or self.loop or self.scores)


def due(pipeline: Pipeline, settings: Settings) -> Due:
    """Return what is not up to date, looking at sources, lake and registry."""
    stored = stored_slices(pipeline, settings)
    steps = plan(pipeline, stored, fingerprints(pipeline))
    model = _model_reason(pipeline, settings, rebuilt=bool(steps))
    loop = None if steps or model else _loop_reason(pipeline, stored)
    return Due(steps, model, loop, _scores(pipeline, settings, stored, steps))


def _scores(
    pipeline: Pipeline, settings: Settings, stored: Stored, steps: Sequence[Step]
) -> dict[str | None, str]:
    """Return the slices that are scored, or scored anew, as far as it is known before a run."""
    before = {item.partition for item in stored.of(scores_table(pipeline))}
    if not before or not has_champion(pipeline, settings):
        return {}
    keys = list(slice_keys(pipeline, spine(pipeline)[0]))
    with connect(pipeline.name, settings, read_only=True) as con:
        found = dict(due_scorings(con, pipeline, settings, keys).reasons)
    for step in steps:
        if step.node.layer == "features":
            touched = before if step.partition is None else before & {step.partition}
            found |= dict.fromkeys(touched, f"{step.node.dotted} is rebuilt")
    return found


def _loop_reason(pipeline: Pipeline, stored: Stored) -> str | None:
    """Say what of the loop never ran; whether its newest results are due is seen in a refresh."""
    for table in (scores_table(pipeline), *(findings_table(pipeline, name) for name in MONITORS)):
        if not stored.of(table):
            return f"{table.dotted} was never built"
    return None


def stored_slices(pipeline: Pipeline, settings: Settings) -> Stored:
    """Return what the lake holds, nothing where there is none yet."""
    try:
        with connect(pipeline.name, settings, read_only=True) as con:
            return Stored(ledger.current(con, pipeline.name))
    except StorageError:
        return Stored([])


def _model_reason(pipeline: Pipeline, settings: Settings, *, rebuilt: bool) -> str | None:
    from ml_assets.registry.record import read_record
    from ml_assets.registry.versions import versions

    found = versions(settings.tracking_uri, pipeline.name)
    if not found:
        return "no version is registered"
    if rebuilt:
        return REBUILT
    if not _evaluated(pipeline, settings, found[-1]):
        return f"version {found[-1].version} was never evaluated and promoted"
    record = read_record(settings.tracking_uri, found[-1].run_id)
    code = _changed(record.code_versions, code_versions(pipeline))
    if code:
        return f"code changed since version {found[-1].version}: {', '.join(code)}"
    try:
        then = _data_versions(pipeline, settings, record.snapshot_id)
    except StorageError:
        return f"the data of version {found[-1].version} is gone"
    data = _changed(then, _data_versions(pipeline, settings, None))
    more = f" and {len(data) - 3} more" if len(data) > 3 else ""
    listed = ", ".join(data[:3]) + more
    return f"data changed since version {found[-1].version}: {listed}" if data else None


def _evaluated(pipeline: Pipeline, settings: Settings, version: Version) -> bool:
    """Say whether a version had its look; it may have lost its alias since, or left it to a refit.

    The ledger knows of it: as the version that was looked at, or as a refit that went live.
    """
    if version.aliases:
        return True
    try:
        with connect(pipeline.name, settings, read_only=True) as con:
            rows = promotions(con, pipeline.name)
    except StorageError:
        return False
    return any(row.is_about(version.version) for row in rows)


def _data_versions(pipeline: Pipeline, settings: Settings, snapshot: int | None) -> dict[str, str]:
    """Return the content hash of every slice that a training set read at `snapshot` holds."""
    tables = {node.dotted for node in training_tables(pipeline)}
    with connect(pipeline.name, settings, read_only=True, snapshot=snapshot) as con:
        return {
            f"{item.table} {item.partition or ''}".strip(): item.data_version
            for item in ledger.current(con, pipeline.name)
            if item.table in tables
        }


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def leave_training(
    found: Due, pipeline: Pipeline, instance: dg.DagsterInstance
) -> tuple[Due, Attempt | None]:
    """Return what is due without the model where a retraining is at it, and which one that is."""
    busy = active(attempts_of(instance, pipeline))
    if found.model is None or busy is None:
        return found, None
    return replace(found, model=None), busy
