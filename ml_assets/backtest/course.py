"""One policy lived through: what was live when, what was decided, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ml_assets.backtest.seen import Seen
from ml_assets.backtest.trial import challenge, retrain
from ml_assets.loop.attempt import Attempt
from ml_assets.loop.episode import Outcome
from ml_assets.loop.history import History

if TYPE_CHECKING:
    from ml_assets.backtest.calendar import Calendar, Tick
    from ml_assets.backtest.model import Model
    from ml_assets.backtest.models import Models
    from ml_assets.backtest.policies import Policy
    from ml_assets.backtest.trial import Retrained
    from ml_assets.loop.decision import Decision
    from ml_assets.tables.findings import Found


@dataclass(frozen=True)
class Event:
    """What a policy decided at one tick, and what the retraining came to."""

    tick: Tick
    decision: Decision
    retrained: Retrained | None


@dataclass(frozen=True)
class Course:
    """What a policy did with the partitions it lived through."""

    policy: Policy
    live: dict[str, Model]
    """Partition to the model that was live at its beginning, and so for all of it."""
    events: list[Event]

    @property
    def retrains(self) -> int:
        """Retrainings, the first model not counted."""
        return sum(event.retrained is not None for event in self.events)

    @property
    def promotions(self) -> int:
        """Retrainings whose model went live."""
        return sum(bool(event.retrained and event.retrained.live) for event in self.events)

    @property
    def trained(self) -> list[Model]:
        """The models trained after the first; those of a search are not counted."""
        return [model for event in self.events if event.retrained for model in event.retrained.made]


@dataclass(frozen=True)
class _State:
    """Where a policy stands."""

    model: Model
    version: int = 1
    scored: tuple[str, ...] = ()
    said: tuple[Found, ...] = ()
    history: History = field(default_factory=History)
    events: tuple[Event, ...] = ()


def follow(policy: Policy, models: Models, calendar: Calendar, first: Model) -> Course:
    """Live through the calendar; a tick at or before a partition's beginning is heard for it."""
    window = models.past.pipeline.partitions.window
    state = _State(first, history=History(champion_trained_at=first.as_of))
    live, ticks = {}, list(enumerate(calendar.ticks, 1))
    for key in calendar.keys:
        while ticks and ticks[0][1].moment <= window(key).start:
            number, tick = ticks.pop(0)
            state = _tick(policy, models, state, number, tick, calendar.closed(tick.moment))
        live[key] = state.model
        state = replace(state, scored=(*state.scored, key))
    return Course(policy, live, list(state.events))


def _tick(
    policy: Policy, models: Models, state: _State, number: int, tick: Tick, closed: list[str]
) -> _State:
    seen = Seen(
        tick=tick,
        number=number,
        models=models,
        model=state.model,
        version=state.version,
        scored=tuple(key for key in state.scored if key <= tick.key),
        history=state.history,
        said=state.said,
    )
    decision = policy.decide(seen)
    state = replace(
        state,
        said=(*state.said, *seen.found) if policy.monitored else (),
        history=replace(state.history, decisions=[*state.history.decisions, decision]),
    )
    if decision.action != "retrain":
        return _noted(state, Event(tick, decision, None))
    if policy.gated:
        found = challenge(models, state.model, tick.moment, refits=policy.refits)
    else:
        found = retrain(models, closed, tick.moment)
    return _carried_out(_noted(state, Event(tick, decision, found)), decision, found)


def _noted(state: _State, event: Event) -> _State:
    return replace(state, events=(*state.events, event))


def _carried_out(state: _State, decision: Decision, found: Retrained) -> _State:
    """Write down the run, which always ends in a simulation, and what came of it."""
    now, episode = decision.decided_at, str(decision.episode)
    past = state.history
    run = Attempt(episode=episode, attempt=1, status="succeeded", started_at=now, ended_at=now)
    outcome = Outcome(episode=episode, promoted=found.live is not None, at=now)
    history = replace(past, attempts=[*past.attempts, run], outcomes=[*past.outcomes, outcome])
    if found.live is None:
        return replace(state, history=history)
    return replace(
        state,
        model=found.live,
        version=state.version + 1,
        scored=(),
        said=(),
        history=replace(history, champion_trained_at=now),
    )
