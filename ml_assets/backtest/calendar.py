"""When the past is looked at: a tick per partition, at the moment its labels count as closed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from ml_assets import clock
from ml_assets.backtest.outcomes import EPOCH, NEVER
from ml_assets.errors import DataError, DeclarationError
from ml_assets.ml import split
from ml_assets.monitors.findings import CLOSED
from ml_assets.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from ml_assets.backtest.outcomes import Outcomes
    from ml_assets.backtest.past import Past


STEP = timedelta(hours=6)
FEWEST = 2
"""Partitions with labels that a first model needs: one to fit and one to tune on."""


@dataclass(frozen=True)
class Tick:
    """Partitions have closed: what is known of them at `moment` can be judged and trained on."""

    keys: tuple[str, ...]
    """More than one where they got their labels together."""
    moment: datetime

    @property
    def key(self) -> str:
        """The newest of them."""
        return self.keys[-1]


@dataclass(frozen=True)
class Calendar:
    """The partitions that are lived through again, and the ticks while they are."""

    opening: datetime
    """When the first of them begins and the first model has to be there."""
    ticks: tuple[Tick, ...]
    """After the opening, in order; the last partition has none, as nothing is scored after it."""
    keys: tuple[str, ...]
    """The partitions lived through."""
    closings: Mapping[str, datetime]

    def closed(self, moment: datetime) -> list[str]:
        """Return the partitions that had their labels at `moment`.

        Of others the quick labels are known at most, and these are not like the rest.
        """
        return _closed(self.closings, moment)


def calendar(
    past: Past, closings: Mapping[str, datetime], first: str | None, last: str | None
) -> Calendar:
    """Return the calendar from the partition `first`, by default the walk-forward's, to `last`.

    The last closed partition ends it at the latest: what is measured must have its labels.
    """
    closed = _closed(closings, clock.now())
    _require_closed(past, closed)
    begin = _begin(past, closed) if first is None else _known(first, closed)
    end = closed[-1] if last is None else _known(last, closed)
    lived = tuple(key for key in closed if begin <= key <= end)
    if len(lived) < 2:
        raise DataError(
            f"From {begin} to {end} no policy has anything to decide.",
            f"Live through at least two; closed are {closed[0]} to {closed[-1]}.",
        )
    opening = past.pipeline.partitions.window(begin).start
    ticks = tuple(
        Tick(tuple(key for key, _ in found), moment)
        for moment, found in groupby(_in_order(closings, closed, lived[-1]), itemgetter(1))
        if moment > opening
    )
    made = Calendar(opening, ticks, lived, closings)
    _require_first_model(made)
    return made


def closings(past: Past) -> dict[str, datetime]:
    """Return when each partition had its labels; the end of the next six hours at the latest.

    As in production: 95 % of the labels that are known or may still come. Of one that has not
    closed yet a moment to come is returned; of one that has no label nothing.
    """
    now = clock.now()
    labelled = [key for key in past.keys if (past.outcomes[key].there_at != NEVER).any()]
    with past.lake() as con:
        return {key: _closing(past, con, key, now) for key in labelled}


def most_known(outcomes: Outcomes, end: datetime) -> datetime:
    """Return when 95 % of the labels that ever came were there, `end` at the earliest."""
    known = np.sort(outcomes.there_at[outcomes.there_at != NEVER])
    last = known[math.ceil(CLOSED * len(known)) - 1] if len(known) else 0
    return max(end, EPOCH + timedelta(microseconds=int(last)))


def _closing(past: Past, con: DuckDBPyConnection, key: str, now: datetime) -> datetime:
    outcomes = past.outcomes[key]
    moment = most_known(outcomes, past.pipeline.partitions.window(key).end)
    while moment <= now and not _all_but_few(outcomes, past.settled(moment, con), moment):
        moment += STEP
    return moment


def _all_but_few(outcomes: Outcomes, settled: np.datetime64 | None, moment: datetime) -> bool:
    known = outcomes.known(moment)
    awaited = ~known if settled is None else ~known & (outcomes.dates > settled)
    return bool(known.sum() >= CLOSED * (known.sum() + awaited.sum()) > 0)


def _closed(closings: Mapping[str, datetime], moment: datetime) -> list[str]:
    return [key for key, closing in closings.items() if closing <= moment]


def _require_closed(past: Past, closed: Sequence[str]) -> None:
    if not closed:
        raise DataError(
            f"No partition of {past.pipeline.name} has its labels yet.",
            f"Materialize {past.pipeline.declaration.label.table}, or wait for them.",
        )


def _in_order(
    closings: Mapping[str, datetime], closed: Sequence[str], last: str
) -> Iterator[tuple[str, datetime]]:
    """Yield the partitions before `last` with their closing, not before that of an earlier one."""
    keys = [key for key in closed if key < last]
    return zip(keys, accumulate((closings[key] for key in keys), max), strict=True)


def _require_first_model(made: Calendar) -> None:
    """Raise DataError where too few partitions had their labels when the first model was needed."""
    closed = made.closed(made.opening)
    if len(closed) < FEWEST:
        moments = sorted(made.closings.values())
        later = f"from {moments[FEWEST - 1]:%Y-%m-%d} on" if moments[FEWEST - 1 :] else "never yet"
        raise DataError(
            f"When {made.keys[0]} began, {counted(len(closed), 'partition')} had labels, fewer than"
            f" {FEWEST}: one to train and one to tune the first model.",
            f"That many had theirs {later}: begin with a later partition.",
        )


def _begin(past: Past, closed: Sequence[str]) -> str:
    """Return the first partition that the walk-forward tests."""
    return split.walk_forward(closed, past.pipeline.declaration.model.split)[0].test[0]


def _known(key: str, closed: Sequence[str]) -> str:
    if key not in closed:
        raise DeclarationError(
            f"{key} is no closed partition.", f"These are {closed[0]} to {closed[-1]}."
        )
    return key
