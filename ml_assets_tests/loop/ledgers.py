"""The ledgers of a loop with a clock: what a platform around the pure functions would store."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ml_assets.loop.attempt import Attempt, Status
from ml_assets.loop.decide import decide
from ml_assets.loop.episode import Outcome
from ml_assets.loop.history import History
from ml_assets.loop.next_attempt import Launch, Wait, next_attempt
from ml_assets.loop.policy import Policy
from ml_assets.loop.triggers import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.loop.decision import Decision
    from ml_assets.loop.unscorable import Unscorable
    from ml_assets.loop.waiting import Waiting

START = datetime(2013, 6, 1, tzinfo=UTC)


def finding(cause: str, verdict: Verdict, day: float, reason: str = "the numbers") -> Finding:
    """Return a finding whose window is a day, counted from START."""
    at = START + timedelta(days=day)
    return Finding(cause=cause, verdict=verdict, window=f"{at:%Y-%m-%d}", at=at, reason=reason)


def alarm(cause: str, day: float) -> Finding:
    """Return an alarm of a day."""
    return finding(cause, "alarm", day)


def ok(cause: str, day: float) -> Finding:
    """Return an ok of a day."""
    return finding(cause, "ok", day)


@dataclass
class Ledgers:
    """Everything that outlives a process, and the clock."""

    policy: Policy = field(default_factory=Policy)
    now: datetime = START
    decisions: list[Decision] = field(default_factory=list)
    runs: dict[str, Attempt] = field(default_factory=dict)
    """By run key, as Dagster keeps them: a key is launched once."""
    outcomes: list[Outcome] = field(default_factory=list)
    resets: list[datetime] = field(default_factory=list)
    champion_trained_at: datetime | None = None
    repeats: bool = False
    lost_champion: int | None = None
    unscorable: Unscorable | None = None
    waiting: Waiting | None = None

    @property
    def history(self) -> History:
        return History(
            decisions=tuple(self.decisions),
            attempts=tuple(self.runs.values()),
            outcomes=tuple(self.outcomes),
            resets=tuple(self.resets),
            champion_trained_at=self.champion_trained_at,
            repeats=self.repeats,
            lost_champion=self.lost_champion,
            unscorable=self.unscorable,
            waiting=self.waiting,
        )

    def go_to(self, day: float) -> None:
        """Set the clock to a day counted from START."""
        self.now = START + timedelta(days=day)

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)

    def evaluate(self, *findings: Finding) -> Decision:
        """Decide and keep the decision."""
        self.decisions.append(decide(findings, self.history, self.policy, self.now))
        return self.decisions[-1]

    def asked(self) -> Launch | Wait:
        """Return what the sensor is told about the newest decision."""
        return next_attempt(self.decisions[-1], list(self.runs.values()), self.policy, self.now)

    def tick(self) -> Launch | Wait:
        """Carry out the newest decision."""
        told = self.asked()
        if isinstance(told, Launch):
            self.launch(told)
        return told

    def launch(self, told: Launch) -> None:
        """Create the run, unless its key has one."""
        run = Attempt(
            episode=told.episode, attempt=told.attempt, status="queued", started_at=self.now
        )
        self.runs.setdefault(told.run_key, run)

    def end(self, status: Status) -> Attempt:
        """Bring the run that goes on into a status, and to its end unless that is `running`."""
        (run,) = self.going_on()
        ended = None if status == "running" else self.now
        self.runs[run.run_key] = replace(run, status=status, ended_at=ended)
        return self.runs[run.run_key]

    def going_on(self) -> Sequence[Attempt]:
        """Return the runs that are queued or running."""
        return [run for run in self.runs.values() if run.status in ("queued", "running")]

    def judge(self, episode: str, *, promoted: bool, waits: bool = False) -> None:
        """Keep whether the episode's model was promoted, or waits for rows to be judged on."""
        self.outcomes.append(Outcome(episode=episode, promoted=promoted, at=self.now, waits=waits))
        if promoted:
            self.champion_trained_at = self.now

    def resume(self) -> None:
        """Let a person reset the loop."""
        self.resets.append(self.now)

    def retrain(
        self, *findings: Finding, status: Status = "succeeded", promoted: bool | None = None
    ) -> Decision:
        """Decide, launch at once and end the run an hour later; None leaves it unjudged."""
        decision = self.evaluate(*findings)
        assert decision.action == "retrain", decision.reason
        assert isinstance(self.tick(), Launch)
        self.wait(hours=1)
        self.end(status)
        if promoted is not None:
            self.judge(str(decision.episode), promoted=promoted)
        return decision

    def exhaust(self, *findings: Finding) -> Decision:
        """Decide and let every attempt fail."""
        decision = self.retrain(*findings, status="failed")
        for _ in range(1, self.policy.attempts.limit):
            self.wait(days=1)
            assert isinstance(self.tick(), Launch)
            self.end("failed")
        return decision
