"""What is said of a new pipeline: what was decided, what to look at, and what comes next."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ml_assets.monitors.drift import MIN_CLUSTERS
from ml_assets.sources.hints import listed
from ml_assets.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ml_assets.scaffold.draft import Draft

MOST_NAMED = 30
"""Features that are named; all of them are in the folder."""


def told(draft: Draft, written: Sequence[Path]) -> Iterator[str]:
    """Yield the lines for a person who has just made the pipeline."""
    calendar, table = draft.calendar, draft.table
    first, last = calendar.keys[0], calendar.keys[-1]
    yield f"{draft.name}: {table.rows:,} rows of {table.name}, {first} to {last}"
    yield f"  predicts    {draft.target.value} ({draft.target.problem}), known {_known(draft)}"
    yield f"  key         {', '.join(column.source for column in draft.key)}"
    yield f"  time        {draft.time.source}{_format(draft)}, in {draft.zone}"
    yield (
        f"  partitions  {len(calendar.keys)} {calendar.every}s; the last {calendar.test} test, the"
        f" {calendar.tune} before them tune"
    )
    names = [one.name for one in (*draft.key_features, *draft.features)]
    names += [part.name for part in draft.made]
    yield f"  features    {len(names)}: {listed(names, MOST_NAMED)}"
    for source, why in draft.left_out.items():
        yield f"  left out    {source}: {why}"
    yield from _warnings(draft)
    if draft.at_once:
        yield (
            f"  note        if {draft.target.column.source} is known later than its row, say how"
            ' much with --delay, such as --delay "7 days"'
        )
    yield "Written:"
    yield from (f"  {os.path.relpath(path)}" for path in written)
    yield "Next:"
    run = f"ml-assets run {draft.name}"
    yield f"  {run}   builds, trains, reports"
    yield f"  {'make ui':<{len(run)}}   shows it"


def _warnings(draft: Draft) -> Iterator[str]:
    calendar, first = draft.calendar, draft.calendar.keys[0]
    for leak in draft.leaks:
        yield (
            f"  warning     {leak.column.source} is taken as known with"
            f" {draft.target.column.source}, so it is no feature: {leak.how}"
        )
    if calendar.older:
        yield (
            f"  note        {calendar.older:,} rows before {first} are left out: a"
            f" {calendar.every} without rows follows them, or the history is very long"
        )
    yield from _silences(draft)
    unreadable, unknown = draft.table.unreadable, draft.target.column.nulls
    if unreadable:
        yield f"  warning     {unreadable:,} rows cannot be read and will be rejected"
    if unknown:
        yield f"  note        {unknown:,} rows have no {draft.target.column.source}: not trained on"
    if isinstance(draft.table.source.nulls, tuple):
        words = ", ".join(repr(word) for word in draft.table.source.nulls)
        yield f"  note        read as missing: {words}"


def _silences(draft: Draft) -> Iterator[str]:
    calendar = draft.calendar
    if calendar.future:
        yield (
            f"  warning     {calendar.future:,} rows are later than now: the split is sized without"
            f" them, and they are built once their {calendar.every} is over"
        )
    if calendar.waiting:
        yield (
            f"  note        {counted(calendar.waiting, 'row')} of the current {calendar.every} wait"
            " until it is over"
        )
    if calendar.days < MIN_CLUSTERS:
        yield (
            f"  note        rows on {calendar.days:.0f} days in four weeks, {MIN_CLUSTERS} needed:"
            " drift and performance will be silent"
        )


def _known(draft: Draft) -> str:
    return "at once" if draft.at_once else f"{draft.delay} later"


def _format(draft: Draft) -> str:
    return f" (read as {draft.moment.format})" if draft.moment.format else ""
