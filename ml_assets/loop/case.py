"""A case to decide, and the decisions there can be about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from ml_assets.loop.decision import Decision
from ml_assets.loop.triggers import newest_evidence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ml_assets.loop.decision import Action
    from ml_assets.loop.episode import Episode
    from ml_assets.loop.history import History
    from ml_assets.loop.policy import Policy
    from ml_assets.loop.triggers import Finding, Trigger


@dataclass(frozen=True)
class Case:
    """What a decision is made on: the findings, what happened before, the policy and the moment."""

    findings: Sequence[Finding]
    history: History
    policy: Policy
    now: datetime

    def say(self, action: Action, cause: str | None, reason: str) -> Decision:
        """Return a decision about all findings, without an episode."""
        evidence = newest_evidence(self.findings)
        return Decision(
            action=action, cause=cause, reason=reason, event_time=evidence, decided_at=self.now
        )

    def retrain(self, due: Trigger) -> Decision:
        """Return the decision that opens an episode."""
        decided = self.say("retrain", due.cause, due.note[0].upper() + due.note[1:])
        name = unused(f"{due.cause}-{due.window}", self.history)
        return replace(decided, event_time=due.event_time, episode=name)

    def carry_on(self, action: Action, episode: Episode, reason: str) -> Decision:
        """Decide about an open episode again, on the evidence that opened it."""
        first = episode.opened
        told = self.say(action, first.cause, reason)
        return replace(told, event_time=first.event_time, episode=episode.name)

    def hold_until(self, due: Trigger, until: datetime, why: str) -> Decision | None:
        """Hold what is due until then; None where that is over."""
        if self.now >= until:
            return None
        held = self.say("hold", due.cause, f"{why}: {due.note}")
        return replace(held, event_time=due.event_time, until=until)


def unused(name: str, history: History) -> str:
    """Return a name no episode had: a run key of an earlier one would never be launched."""
    taken = {episode.name for episode in history.episodes}
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    return next(free for free in names if free not in taken)
