"""The replay itself: tick after tick, each kept when it is finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.replay import kept, month
from ml_assets.replay.calendar import opened, ticks
from ml_assets.replay.root import inside, set_clock
from ml_assets.replay.table import read_periods
from ml_assets.replay.world import definitions, world_in
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.turn import file_turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets.replay.calendar import Tick
    from ml_assets.replay.root import Root
    from ml_assets.replay.table import Period
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings

LOCK = "replay.lock"


def replay(
    pipeline: Pipeline,
    first: str,
    last: str,
    root: Root,
    tell: Callable[[str], None],
    *,
    fresh: bool = False,
) -> list[Period]:
    """Live through the partitions `first` to `last`, or through what is left of them.

    Raises MLAssetsError where declaration or code changed since it began, or where it cannot begin.
    """
    world = opened(pipeline)
    calendar = ticks(world, first, last)
    root.folder.mkdir(parents=True, exist_ok=True)
    with file_turn(root.folder / LOCK, pipeline.name, "replaying this", tell):
        if fresh:
            kept.forget(root)
        kept.require_same(root, pipeline)
        with inside(root) as settings:
            _live(world, calendar, root, settings, tell)
            # A last look, when every label that came in time is known.
            set_clock(calendar[-1].at)
            with connect(world.name, settings, read_only=True) as con:
                return read_periods(con, world, calendar)


def _live(
    pipeline: Pipeline,
    calendar: list[Tick],
    root: Root,
    settings: Settings,
    tell: Callable[[str], None],
) -> None:
    done = kept.restore(root)
    if done:
        tell(f"{done} of {len(calendar)} ticks are done already.")
    if done == len(calendar):
        return
    ends = [*(tick.at for tick in calendar[1:]), None]
    with root.log.open("a", encoding="utf-8") as log:
        defs = definitions(pipeline, log)
        for number in range(done, len(calendar)):
            kept.begin(root)
            with world_in(root, pipeline, defs, settings, tell) as world:
                month.live(world, calendar[number], ends[number], first=number == 0)
            kept.keep(root, number + 1)
