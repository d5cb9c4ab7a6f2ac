"""An attempt: one run that was launched for an episode, and the newest among several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One run that was launched for an episode, the first attempt is 1."""

    episode: str
    attempt: int
    status: Status
    started_at: datetime
    """When the run was created."""
    ended_at: datetime | None = None

    @property
    def run_key(self) -> str:
        """The key under which the run was requested, which is never launched twice."""
        return run_key(self.episode, self.attempt)

    @property
    def last_seen(self) -> datetime:
        """When the run ended; when it was created where no end is known."""
        return self.ended_at or self.started_at

    @property
    def ended_how(self) -> str:
        """The status as the verb of a sentence."""
        return "was cancelled" if self.status == "cancelled" else self.status


def run_key(episode: str, attempt: int) -> str:
    """Return the key of an attempt's run."""
    return f"{episode}/{attempt}"


def of(episode: str, attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """Return the attempts of one episode."""
    return tuple(one for one in attempts if one.episode == episode)


def active(attempts: Iterable[Attempt]) -> Attempt | None:
    """Return the newest attempt that is queued or running."""
    return _newest(attempts, "queued", "running")


def succeeded(attempts: Iterable[Attempt]) -> Attempt | None:
    """Return the attempt that succeeded last."""
    return _newest(attempts, "succeeded")


def failed(attempts: Iterable[Attempt]) -> Attempt | None:
    """Return the last attempt, by number, that failed or was cancelled."""
    over = [one for one in attempts if one.status in ("failed", "cancelled")]
    return max(over, key=lambda one: (one.attempt, one.last_seen, one.status), default=None)


def _newest(attempts: Iterable[Attempt], *statuses: Status) -> Attempt | None:
    among = [one for one in attempts if one.status in statuses]
    return max(among, key=lambda one: (one.last_seen, one.run_key, one.status), default=None)
