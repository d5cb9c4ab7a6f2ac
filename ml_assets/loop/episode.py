"""An episode: an incident with one retraining, or second look, and what became of its model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.loop.attempt import active, failed, succeeded
from ml_assets.loop.decision import CHALLENGER

if TYPE_CHECKING:
    from datetime import datetime

    from ml_assets.loop.attempt import Attempt
    from ml_assets.loop.decision import Decision


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Whether a model of an episode was promoted; one is enough, whichever attempt trained it.

    An attempt whose run fails after its model went live is tried again for what comes after; it
    trains no other.
    """

    episode: str
    promoted: bool
    at: datetime
    waits: bool = False
    """Whether the gate compared no losses, for lack of rows: the model is to be judged yet."""


@dataclass(frozen=True, kw_only=True)
class Episode:
    """An incident with one retraining, or second look: the decision that opened it, and its end."""

    opened: Decision
    attempts: tuple[Attempt, ...]
    promoted: bool
    waits: bool = False
    """Whether its model was never judged, for lack of rows to compare losses on."""

    @property
    def name(self) -> str:
        """The episode's id."""
        return str(self.opened.episode)

    @property
    def trains(self) -> bool:
        """Whether it was opened to train, and not to look at what an earlier one has trained."""
        return self.opened.cause != CHALLENGER

    def is_for(self, cause: str, what: str | None) -> bool:
        """Return whether it was opened to train a version of a code, or to look at a version."""
        return self.opened.cause == cause and self.name.split("-")[1:2] == [what]

    def exhausted(self, limit: int) -> Attempt | None:
        """Return the last attempt where none succeeded or goes on and `limit` is reached."""
        if succeeded(self.attempts) or active(self.attempts):
            return None
        last = failed(self.attempts)
        return last if last is not None and last.attempt >= limit else None
