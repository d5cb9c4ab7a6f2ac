"""What happened, read from the ledgers: decisions, attempts, outcomes and a person's resets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ml_assets.loop.attempt import Attempt, of, succeeded
from ml_assets.loop.decision import CHALLENGER, CODE
from ml_assets.loop.episode import Episode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ml_assets.loop.decision import Decision
    from ml_assets.loop.episode import Outcome
    from ml_assets.loop.unscorable import Unscorable
    from ml_assets.loop.waiting import Waiting


@dataclass(frozen=True, kw_only=True)
class History:
    """Everything that `decide` knows of the past; the order of the records does not matter.

    All times but `event_time` are read from one clock, in a replay of the past the one that was
    set: a cooldown counted from the wall's time would last for years there.
    """

    decisions: Sequence[Decision] = ()
    """Stored before they are carried out."""
    attempts: Sequence[Attempt] = ()
    outcomes: Sequence[Outcome] = ()
    resets: Sequence[datetime] = ()
    """When a person let the loop go on with `ml-assets resume`."""
    champion_trained_at: datetime | None = None
    lost_champion: int | None = None
    """The version that was live last, where none is: it lost the alias outside the loop."""
    unscorable: Unscorable | None = None
    waiting: Waiting | None = None
    """The challenger that was trained last, where it has not had its look."""
    repeats: bool = False
    """Whether a challenger would be trained and tuned on just what the champion was: what is newer
    is held out to judge it."""

    @cached_property
    def episodes(self) -> tuple[Episode, ...]:
        """The episodes in the order in which they were opened."""
        opened: dict[str, Decision] = {}
        for decision in sorted(self.decisions, key=lambda one: (one.decided_at, str(one.episode))):
            if decision.asks and decision.episode is not None:
                opened.setdefault(decision.episode, decision)
        promoted = {one.episode for one in self.outcomes if one.promoted}
        judged = {one.episode for one in self.outcomes if not one.waits}
        seen = {one.episode for one in self.outcomes}
        return tuple(
            Episode(
                opened=first,
                attempts=of(name, self.known),
                promoted=name in promoted,
                waits=name in seen - judged,
            )
            for name, first in opened.items()
        )

    @cached_property
    def known(self) -> tuple[Attempt, ...]:
        """The attempts, and those of which only the outcome is left.

        Runs are deleted, or stay behind in another Dagster instance; what became of their models is
        in the ledger. Without this a finished episode would be trained again.
        """
        seen = {one.episode for one in self.attempts}
        judged = {one.episode: one for one in sorted(self.outcomes, key=lambda one: one.at)}
        lost = (
            Attempt(episode=name, attempt=1, status="succeeded", started_at=one.at, ended_at=one.at)
            for name, one in sorted(judged.items())
            if name not in seen
        )
        return (*self.attempts, *lost)

    @cached_property
    def code_to_train(self) -> str | None:
        """Today's code, where nothing is scored until a version of it is live: trained on once."""
        code = None if self.unscorable is None else self.unscorable.untrained
        trained = (one for one in self.episodes if succeeded(one.attempts))
        return None if any(one.is_for(CODE, code) for one in trained) else code

    @cached_property
    def last_success(self) -> Attempt | None:
        """The newest attempt that trained a model, or had the gate look again."""
        return succeeded(self.known)

    @cached_property
    def last_trained(self) -> Attempt | None:
        """The newest attempt that trained a model."""
        looks = {one.name for one in self.episodes if not one.trains}
        return succeeded(one for one in self.known if one.episode not in looks)

    @cached_property
    def answered_until(self) -> datetime | None:
        """Event time up to which alarms have been answered by a retraining that succeeded."""
        return max(self._answered, default=None)

    def answered_before(self, moment: datetime) -> datetime | None:
        """Return the same without what answered evidence of `moment`, an event time, or later.

        A window that is looked at again after its alarm was answered has to say what it said.
        """
        return max((one for one in self._answered if one < moment), default=None)

    @cached_property
    def _answered(self) -> list[datetime]:
        return [
            episode.opened.event_time
            for episode in self.episodes
            if episode.trains
            and episode.opened.event_time is not None
            and succeeded(episode.attempts)
        ]

    def open_episode(self, limit: int) -> Episode | None:
        """Return the newest episode unless it is trained, exhausted or answered by a later run.

        Nor is one open whose code is not today's, or has been looked at by the gate since, or whose
        challenger waits no more.
        """
        newest = self.episodes[-1] if self.episodes else None
        if newest is None or succeeded(newest.attempts) or newest.exhausted(limit):
            return None
        if newest.opened.cause == CODE and not newest.is_for(CODE, self.code_to_train):
            return None
        if not newest.trains and not newest.is_for(CHALLENGER, self._to_judge):
            return None
        trained = succeeded(self._answers(newest))
        answered = trained is not None and trained.last_seen > newest.opened.decided_at
        return None if answered else newest

    def _answers(self, episode: Episode) -> Iterator[Attempt]:
        """Yield the attempts that may answer an episode in its place.

        What a sensor that lost its place trained is of the code of an earlier one.
        """
        names = {one.name for one in self.episodes} if episode.opened.cause == CODE else set()
        return (one for one in self.known if one.episode not in names)

    @property
    def _to_judge(self) -> str | None:
        return str(self.waiting.version) if self.waiting and self.waiting.ready else None

    def since_reset(self, moment: datetime) -> bool:
        """Return whether no person has reset the loop since `moment`."""
        return all(reset < moment for reset in self.resets)
