"""Versions made to be compared: trained on version 1's rows, with more or less to go by."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ml_assets.assets.books import Books
from ml_assets.assets.gate_window import Contender, contender
from ml_assets.assets.live import promote_by_hand
from ml_assets.assets.train import code_versions, read_at
from ml_assets.ml import boost, codec, split
from ml_assets.registry.package import log_model
from ml_assets.registry.record import log_record
from ml_assets.registry.tracking import open_run
from ml_assets.registry.versions import register
from ml_assets_tests.sandbox import ignore_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_assets.registry.record import TrainingRecord
    from ml_assets.registry.versions import Version
    from ml_assets.warehouse.appended import PromotionRow
    from ml_assets_tests.finished import Finished


def first_of(mine: Finished) -> Contender:
    """Return version 1 with its model and record."""
    return contender(mine.settings, mine.versions()[0])


def register_like(
    mine: Finished, *, rounds: int | None = None, claims: int | None = None
) -> Version:
    """Register version 1 once more, trained anew where other `rounds` are given.

    Its record `claims` other rounds than the model has, where given.
    """
    first = first_of(mine)
    pipeline, record = mine.box.pipeline, first.record
    model = first.model if rounds is None else _train(mine, record, rounds)
    changed = replace(
        record,
        rounds=claims or model.rounds,
        model_hash=model.model_hash,
        code_versions=code_versions(pipeline),
    )
    with open_run(
        mine.settings.tracking_uri,
        pipeline.name,
        artifact_root=mine.settings.artifact_root,
        dagster_run_id="none",
        tags={},
    ) as handle:
        log_record(handle, changed)
        uri = log_model(handle, model, threads=1)
    return register(mine.settings.tracking_uri, pipeline.name, handle.run_id, uri, {})


def _train(mine: Finished, record: TrainingRecord, rounds: int) -> boost.TrainedModel:
    pipeline, names = mine.box.pipeline, record.features
    known = record.labels_known_by
    table, _ = read_at(pipeline, mine.settings, record.snapshot_id, known, names)
    rows = split.cut(table, record.windows["train"], record.windows["test"]).before
    spec = replace(pipeline.declaration.model, seed=record.seed, threads=1)
    return boost.train(rows, codec.fit(rows, names), record.parameters, rounds, spec)


def weaken(mine: Finished) -> Version:
    """Make a version champion, by hand, whose one tree tells next to nothing."""
    version = register_like(mine, rounds=1)
    with books(mine) as found:
        promote_by_hand(found, version.version, "a test")
    return version


@contextmanager
def books(mine: Finished) -> Iterator[Books]:
    """Open registry and ledger together."""
    with mine.box.lake() as con:
        yield Books(pipeline=mine.box.name, settings=mine.settings, con=con, on_wait=ignore_waiting)


def ledger_of(mine: Finished) -> list[PromotionRow]:
    """Return the ledger of promotions, oldest first."""
    with books(mine) as found:
        return found.rows()


def aliases_of(mine: Finished) -> dict[str, int]:
    """Return the version that each alias names."""
    return {alias: one.version for one in mine.versions() for alias in one.aliases}


def let_slow(declared: dict[str, Any]) -> None:
    """Let the gate pass a model that takes longer: here one tree is compared with many."""
    declared["retraining"] = {"gate": {"latency_limit_us": 1e9}}
