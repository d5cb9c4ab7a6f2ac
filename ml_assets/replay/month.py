"""One tick as production would have lived it: refresh, decide, and carry the decision out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets import clock
from ml_assets.assets.attempts import REASON, attempts_of
from ml_assets.assets.decision import newest_decision
from ml_assets.assets.grounds import findings, history
from ml_assets.assets.prospects import prospects
from ml_assets.automation.due import due
from ml_assets.automation.launch import run_due
from ml_assets.errors import MLAssetsError
from ml_assets.loop.decide import decide
from ml_assets.loop.next_attempt import Wait, next_attempt
from ml_assets.replay.calendar import decisions_between
from ml_assets.replay.root import set_clock
from ml_assets.replay.world import ended, pass_time, why_failed
from ml_assets.tables.challenger import label_times
from ml_assets.tables.findings import all_findings
from ml_assets.warehouse.appended import promotions
from ml_assets.warehouse.lake import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ml_assets.loop.decision import Decision
    from ml_assets.replay.calendar import Tick
    from ml_assets.replay.world import World


def live(world: World, tick: Tick, until: datetime | None, *, first: bool) -> None:
    """Live from one refresh to the next, for which `until` stands; the last tick has none."""
    set_clock(tick.at)
    if first:
        _begin(world, tick)
    else:
        _refresh(world, tick)
    _carry_out(world)
    if until is not None:
        _days_until(world, until)


def _begin(world: World, tick: Tick) -> None:
    """Load everything there is, and train and promote the first model."""
    world.say(f"loads {tick.partitions[0]} to {tick.partitions[-1]} and trains the first model")
    found = due(world.pipeline, world.settings)
    result = ended(run_due(world.defs, world.pipeline, found, world.instance))
    if not result.success:
        raise MLAssetsError(
            f"The replay cannot begin: {why_failed(result)}",
            "Mend that, or begin with a later partition.",
        )


def _refresh(world: World, tick: Tick) -> None:
    result = world.refresh()
    if not result.success:
        # As the sensor for failed runs does: broken data stops the run before the decision.
        world.say(f"refresh failed: {why_failed(result)}")
        pass_time()
        world.decide()
    _tell_monitors(world, tick)


def _days_until(world: World, until: datetime) -> None:
    """Decide daily up to the next refresh, but run only what decides to retrain.

    Between refreshes no evidence is new; time alone can end a cooldown, bring the calendar's turn
    or the last labels of a partition. What would say "hold" again is asked of the same function and
    not written down.
    """
    would = _asked(world, until)
    for moment in decisions_between(world.pipeline, clock.now(), until):
        if moment > clock.now() and would(moment).asks:
            set_clock(moment)
            world.decide()
            _carry_out(world)
            would = _asked(world, until)


def _asked(world: World, until: datetime) -> Callable[[datetime], Decision]:
    """Return what is decided at a moment up to `until`, on the evidence and the history of now."""
    from ml_assets.registry.record import read_record
    from ml_assets.registry.versions import champion

    pipeline = world.pipeline
    version = champion(world.settings.tracking_uri, pipeline.name)
    with connect(pipeline.name, world.settings, read_only=True) as con:
        found = findings(con, pipeline, version)
        past = history(world.instance, con, pipeline, version)
        policy = pipeline.declaration.retraining
        if version is None:
            return lambda moment: decide(found, past, policy, moment)
        record = read_record(world.settings.tracking_uri, version.run_id)
        known = label_times(con, pipeline, until)
        at = prospects(con, pipeline, world.settings, record, known)
    return lambda moment: decide(found, replace(past, **at(moment)), policy, moment)


def _carry_out(world: World) -> None:
    """Do what the sensor asks for until it has nothing more, each attempt when its time comes."""
    _tell_decision(world)
    while True:
        pass_time()
        request = world.look()
        if isinstance(request, dg.RunRequest):
            _retrain(world, request)
            continue
        later = _next_look(world)
        if later is None:
            return
        set_clock(later)


def _retrain(world: World, request: dg.RunRequest) -> None:
    what = "looks again" if request.asset_selection else "retrains"
    world.say(f"{what}. {request.tags[REASON]}")
    result = world.launch(request)
    if not result.success:
        world.say(f"retraining failed: {why_failed(result)}")
        return
    with connect(world.pipeline.name, world.settings, read_only=True) as con:
        row = promotions(con, world.pipeline.name)[-1]
    became = "goes live" if row.promoted else "stays challenger"
    world.say(f"version {row.to_version} {became}. {row.reason}")
    pass_time()
    world.decide()
    _tell_decision(world)


def _next_look(world: World) -> datetime | None:
    """Return when the sensor would launch the next attempt of a run that failed."""
    decision = newest_decision(world.instance, world.pipeline)
    if decision is None or not decision.asks:
        return None
    attempts = attempts_of(world.instance, world.pipeline)
    policy = world.pipeline.declaration.retraining
    step = next_attempt(decision, attempts, policy, clock.now())
    return step.until if isinstance(step, Wait) else None


def _tell_monitors(world: World, tick: Tick) -> None:
    with connect(world.pipeline.name, world.settings, read_only=True) as con:
        found = [
            item
            for item in all_findings(con, world.pipeline)
            if item.period in tick.partitions and item.verdict in {"alarm", "broken"}
        ]
    versions = sorted({item.model_version for item in found if item.model_version is not None})
    who = f" (version {', '.join(map(str, versions))})" if versions else ""
    said = ", ".join(dict.fromkeys(item.cause.replace("_", " ") for item in found))
    world.say(f"{tick.partitions[-1]} is there{who}. Alarms: {said or 'none'}")


def _tell_decision(world: World) -> None:
    decision = newest_decision(world.instance, world.pipeline)
    if decision is not None:
        world.say(f"{decision.action}: {decision.reason}")
