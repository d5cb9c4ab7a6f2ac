"""The state of a pipeline in a line, by its sources and its lake alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.errors import StorageError
from ml_assets.tables.plan import Stored, plan
from ml_assets.tables.sources import fingerprints
from ml_assets.warehouse import ledger
from ml_assets.warehouse.appended import last_live, promotions
from ml_assets.warehouse.lake import connect
from ml_assets.words import counted

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.appended import PromotionRow
    from ml_assets.warehouse.settings import Settings


def state(pipeline: Pipeline, settings: Settings) -> str:
    """Return how many slices are due and which version went live last.

    Raises MLAssetsError where a source cannot be read. MLflow, which takes seconds to import, is
    not asked: whether a model is due is the plan's to say.
    """
    sources = fingerprints(pipeline)
    try:
        with connect(pipeline.name, settings, read_only=True) as con:
            stored = Stored(ledger.current(con, pipeline.name))
            live = last_live(promotions(con, pipeline.name))
    except StorageError:
        stored, live = Stored([]), None
    steps = plan(pipeline, stored, sources)
    tables = f"{counted(len(steps), 'slice')} due" if steps else "tables up to date"
    return f"{tables}, {_live(live)}"


def _live(row: PromotionRow | None) -> str:
    return "no model live yet" if row is None else f"version {row.to_version} live"
