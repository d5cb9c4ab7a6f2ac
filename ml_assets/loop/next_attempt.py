"""From a decision to a run: which attempt to launch now, or why to wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ml_assets.loop.attempt import active, failed, of, run_key, succeeded
from ml_assets.words import day, minute

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ml_assets.loop.attempt import Attempt
    from ml_assets.loop.decision import Decision
    from ml_assets.loop.policy import Policy


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A run to request; asking twice for a run key starts one run."""

    run_key: str
    episode: str
    attempt: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Nothing to launch, until then or for good."""

    reason: str
    until: datetime | None = None


def next_attempt(
    decision: Decision, attempts: Sequence[Attempt], policy: Policy, now: datetime
) -> Launch | Wait:
    """Return what to do about the newest decision, `attempts` being all runs of the pipeline.

    It needs no memory of its own: whatever was lost, the same decision and the same runs give the
    same answer.
    """
    if decision.episode is None or decision.action == "blocked":
        return Wait(reason=decision.reason, until=decision.until)
    run = active(attempts)
    if run is not None:
        return Wait(reason=f"{run.run_key} has been {run.status} since {minute(run.started_at)}")
    own = of(decision.episode, attempts)
    trained, last = succeeded(own), failed(own)
    if trained is not None:
        return Wait(reason=f"{trained.run_key} succeeded on {day(trained.last_seen)}")
    outdated = _outdated(decision, attempts)
    if outdated is not None:
        return outdated
    if last is None:
        return _launch(decision.episode, 1, policy, decision.reason)
    return _after(last, policy, now)


def _outdated(decision: Decision, attempts: Sequence[Attempt]) -> Wait | None:
    """Wait for a new decision where another episode's run ended since this one was made."""
    since = [
        one
        for one in attempts
        if one.episode != decision.episode and one.last_seen >= decision.decided_at
    ]
    if not since:
        return None
    newest = max(since, key=lambda one: (one.last_seen, one.run_key))
    decided = minute(decision.decided_at)
    return Wait(
        reason=f"{decision.episode} was decided on {decided}, before {newest.run_key} ended"
    )


def _after(last: Attempt, policy: Policy, now: datetime) -> Launch | Wait:
    """Try again after the back-off, which doubles with every attempt, up to the limit."""
    told = f"attempt {last.attempt} {last.ended_how} on {minute(last.last_seen)}"
    if last.attempt >= policy.attempts.limit:
        return Wait(reason=f"{last.episode} is given up: {told}, the last one allowed")
    minutes = policy.attempts.backoff_minutes * 2 ** (last.attempt - 1)
    until = last.last_seen + timedelta(minutes=minutes)
    if now < until:
        return Wait(reason=f"{last.episode} waits until {minute(until)}: {told}", until=until)
    return _launch(last.episode, last.attempt + 1, policy, told)


def _launch(episode: str, attempt: int, policy: Policy, reason: str) -> Launch:
    return Launch(
        run_key=run_key(episode, attempt),
        episode=episode,
        attempt=attempt,
        reason=f"Attempt {attempt} of {policy.attempts.limit} of {episode}: {reason}",
    )
