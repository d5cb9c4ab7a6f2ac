"""The calendar of a replay: when production would have refreshed, and decided in between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from typing import TYPE_CHECKING

from dagster._utils.schedules import cron_string_iterator

from ml_assets.automation.jobs import DAILY
from ml_assets.errors import MLAssetsError
from ml_assets.replay.beginning import FEWEST, beginning, labelled
from ml_assets.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ml_assets.tables.pipeline import Pipeline

UNLIMITED = 1e9


@dataclass(frozen=True)
class Tick:
    """One refresh: its moment and the partitions that are new by then."""

    at: datetime
    partitions: tuple[str, ...]


def opened(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline as it was declared while its history still went on.

    Its partitions then end with the clock, and what is late is missed. No search begins at
    `tuning.start`, which may have been found on partitions that are lived through. The gate's
    latency is left out: seconds of today's machine say nothing of then, and no two replays would be
    the same.
    """
    declared = pipeline.declaration
    policy, model = declared.retraining, declared.model
    gate = replace(policy.gate, latency_limit_us=UNLIMITED)
    changes = {
        "partitions": replace(declared.partitions, end=None),
        "retraining": replace(policy, gate=gate),
        "model": replace(model, tuning=replace(model.tuning, start={})),
    }
    return replace(pipeline, declaration=declared.model_copy(update=changes))


def ticks(pipeline: Pipeline, first: str, last: str) -> list[Tick]:
    """Return the refresh before `first`, which starts the replay, and those that bring the rest.

    Raises MLAssetsError where too few partitions before `first` have their labels to train on.
    """
    every = pipeline.partitions.keys(pipeline.partitions.window(last).end)
    if pipeline.partitions.window(first).end > pipeline.partitions.window(last).end:
        raise MLAssetsError(f"--from {first} is after --to {last}.", "Swap them.")
    begin = every.index(first) if first in every else 0
    _require_labels(pipeline, every[:begin], first)
    found = [(refresh_after(pipeline, key), key) for key in every[begin:]]
    together = groupby(found, key=lambda pair: pair[0])
    return [
        Tick(refresh_after(pipeline, every[begin - 1]), tuple(every[:begin])),
        *(Tick(at, tuple(key for _, key in pairs)) for at, pairs in together),
    ]


def _require_labels(pipeline: Pipeline, before: list[str], first: str) -> None:
    known = labelled(pipeline, before)
    if len(known) >= FEWEST:
        return
    told = f"{pipeline.name} has {counted(len(before), 'partition')} before {first}"
    if len(known) < len(before):
        told += f", and {pipeline.declaration.label.table} can hold the labels of {len(known)} then"
    later = beginning(pipeline, first)
    raise MLAssetsError(
        f"{told}, fewer than {FEWEST}: one each to train, to tune and to test the first model.",
        f"Begin with {later}, by when their labels are there." if later else "Wait for more.",
    )


def refresh_after(pipeline: Pipeline, key: str) -> datetime:
    """Return the first scheduled refresh after the partition is over.

    Without a schedule tables are refreshed by hand; then it is the next daily decision.
    """
    spec = pipeline.declaration.schedule
    end = pipeline.partitions.window(key).end
    return next(_moments(pipeline, DAILY if spec is None else spec.cron, end))


def decisions_between(pipeline: Pipeline, after: datetime, before: datetime) -> list[datetime]:
    """Return the moments of the daily decision after one tick and before the next."""
    found = _moments(pipeline, DAILY, after)
    return [moment for moment in takewhile(lambda one: one < before, found) if moment > after]


def _moments(pipeline: Pipeline, cron: str, start: datetime) -> Iterator[datetime]:
    zone = pipeline.declaration.time_zone
    return cron_string_iterator(start.timestamp(), cron, zone)
