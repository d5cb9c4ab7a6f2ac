"""The loop as a machine: everything that can happen, in any order, and what must hold throughout.

The machine keeps its own account of episodes, launches and trainings and never asks the code under
test what it believes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ml_assets.loop.attempt import Attempt
from ml_assets.loop.decide import decide
from ml_assets.loop.next_attempt import Launch, Wait, next_attempt
from ml_assets.loop.policy import AttemptSpec, BudgetSpec, Policy, TriggerSpec, WindowRule
from ml_assets.loop.unscorable import Unscorable
from ml_assets.loop.waiting import Waiting
from ml_assets_tests.loop.ledgers import START, Ledgers, finding

if TYPE_CHECKING:
    from ml_assets.loop.attempt import Status
    from ml_assets.loop.decision import Decision
    from ml_assets.loop.history import History
    from ml_assets.loop.triggers import Finding, Verdict

_ALONE, _TWICE = WindowRule(alarms=1, of=1), WindowRule(alarms=2, of=3)
_POLICIES = st.builds(
    Policy,
    trigger=st.builds(
        TriggerSpec,
        calibration=st.sampled_from([_ALONE, _ALONE, _TWICE, None]),
        performance=st.sampled_from([_TWICE, _ALONE, None]),
        drift=st.sampled_from([None, _TWICE]),
        max_age_days=st.sampled_from([None, 20, 180]),
    ),
    cooldown_days=st.sampled_from([0, 1, 28]),
    budget=st.builds(BudgetSpec, retrains=st.integers(1, 6), days=st.sampled_from([10, 90, 365])),
    breaker=st.integers(1, 3),
    attempts=st.builds(
        AttemptSpec, limit=st.integers(1, 3), backoff_minutes=st.sampled_from([1, 15, 600])
    ),
)
_CAUSES = st.sampled_from(["calibration", "performance", "drift", "prediction_drift"])
_VERDICTS: st.SearchStrategy[Verdict] = st.sampled_from(["alarm", "alarm", "ok", "not enough data"])
_PAUSES = st.sampled_from(
    [timedelta(minutes=1), timedelta(minutes=30), timedelta(days=1), timedelta(days=29)]
)
_ENDS: st.SearchStrategy[Status] = st.sampled_from(
    ["succeeded", "succeeded", "failed", "cancelled"]
)


@dataclass(frozen=True)
class Month:
    """What happens in a month: a pause before each tick, then the run, if any, ends so."""

    length: timedelta
    pause: timedelta
    ends: list[Status]
    broken: bool
    promoted: bool | None
    rows: bool
    """Whether the gate finds rows, else only in the month after."""


_MONTHS = st.builds(
    Month,
    length=st.sampled_from([timedelta(days=5), timedelta(days=29), timedelta(days=29)]),
    pause=st.sampled_from([timedelta(minutes=20), timedelta(hours=20)]),
    ends=st.lists(_ENDS, min_size=1, max_size=3),
    broken=st.booleans(),
    promoted=st.none() | st.booleans(),
    rows=st.booleans(),
)


@dataclass
class Incident:
    """The machine's own account of an episode."""

    name: str
    opened: datetime
    evidence: datetime | None
    code: str | None = None
    """The code that it is to train a version of, where nothing was scored."""
    version: int | None = None
    """The challenger that it is to look at again, where nothing is trained."""
    failures: list[datetime] = field(default_factory=list)
    trained: datetime | None = None
    """When it succeeded: trained a model or looked at one."""
    promoted: bool | None = None
    waits: bool = False
    """Whether the gate found no rows to judge its model on."""


class Loop(RuleBasedStateMachine):
    """A pipeline's monitors, evaluations, sensor, runs, gate and person."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = Ledgers()
        self.findings: dict[tuple[str, str], Finding] = {}
        self.incidents: dict[str, Incident] = {}
        self.told: list[Decision] = []
        """Decisions that reached the event log, which is all that the sensor sees."""
        self.by_hand: list[datetime] = []
        """When a run that a person started has trained a model."""
        self.codes = 0
        """Versions of the code; one that was left never comes again."""
        self.looks = 0
        """Looks of the gate that found no rows, each at a version of its own."""
        self.asleep: Incident | None = None
        """Whose model waits."""
        self.evaluations = 0
        self.earlier = self.loop.history

    @initialize(policy=_POLICIES, champion=st.booleans())
    def begin(self, policy: Policy, *, champion: bool) -> None:
        self.loop.policy = policy
        self.loop.champion_trained_at = START - timedelta(days=10) if champion else None

    # What the world does.

    @rule(pause=_PAUSES)
    def time_passes(self, pause: timedelta) -> None:
        self.loop.now += pause

    @rule(cause=_CAUSES, verdict=_VERDICTS, late=st.sampled_from([0, 0, 0, 1, 30]))
    def a_window_is_judged(self, cause: str, verdict: Verdict, late: int) -> None:
        day = (self.loop.now - START).days - late
        found = finding(cause, verdict, day)
        self.findings[cause, found.window] = found

    @rule(cause=st.sampled_from(["data_quality", "labels", "calibration"]))
    def data_breaks(self, cause: str) -> None:
        found = finding(cause, "broken", (self.loop.now - START).days)
        self.findings[cause, found.window] = found

    @rule()
    def data_is_mended(self) -> None:
        whole = {key: one for key, one in self.findings.items() if one.verdict != "broken"}
        self.findings = whole

    # What the platform does.

    @rule()
    def the_ledgers_are_copied(self) -> None:
        """From here until the next copy, an evaluation that reads late sees this."""
        self.earlier = self.loop.history

    @rule(late=st.booleans(), lost=st.sampled_from([False, False, False, True]))
    def an_evaluation_decides(self, *, late: bool = False, lost: bool = False) -> None:
        """`late`: runs and outcomes are seen as they were; `lost`: the event log misses it."""
        history, late = self.loop.history, late and not self._has_hands()
        if late:
            history = replace(
                history, attempts=self.earlier.attempts, outcomes=self.earlier.outcomes
            )
        decision = self._decided(history)
        self.loop.decisions.append(decision)
        self.evaluations += 1
        if not lost:
            self.told.append(decision)
        self._check(decision)
        if not late:
            self._check_fresh(decision)

    def _decided(self, history: History) -> Decision:
        """Decide twice from the same records in another order: a restart and a retry."""
        found, now, policy = list(self.findings.values()), self.loop.now, self.loop.policy
        decision = decide(found, history, policy, now)
        turned = replace(
            history,
            decisions=history.decisions[::-1],
            attempts=history.attempts[::-1],
            outcomes=history.outcomes[::-1],
            resets=history.resets[::-1],
        )
        assert decision == decide(found[::-1], turned, policy, now)
        return decision

    @precondition(lambda self: self.told)
    @rule()
    def the_sensor_ticks(self) -> None:
        self._tick(self.told[-1], list(self.loop.runs.values()))

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def the_sensor_lost_its_place(self, data: st.DataObject) -> None:
        """It reads an old decision, and runs as they were."""
        decision = data.draw(st.sampled_from(self.told))
        stale = data.draw(st.booleans()) and not self._has_hands()
        self._tick(decision, list((self.earlier if stale else self.loop.history).attempts))

    def _tick(self, decision: Decision, seen: list[Attempt]) -> None:
        policy, now = self.loop.policy, self.loop.now
        told = next_attempt(decision, seen, policy, now)
        assert told == next_attempt(decision, seen[::-1], policy, now)
        if isinstance(told, Wait):
            assert told.reason
        elif told.run_key in self.loop.runs:
            # Only who does not see the run may ask again, and Dagster starts nothing.
            assert told.run_key not in {one.run_key for one in seen}
        else:
            self._check_launch(told)
            self.loop.launch(told)

    @precondition(lambda self: self.loop.going_on())
    @rule()
    def the_run_starts(self) -> None:
        self.loop.end("running")

    @precondition(lambda self: self.loop.going_on())
    @rule(status=_ENDS, better=st.booleans())
    def the_run_ends(self, status: Status, *, better: bool = False) -> None:
        """Where it was to look at a challenger again, the gate has told whether it is `better`."""
        run = self.loop.end(status)
        incident = self.incidents.get(run.episode)
        if incident is None:
            self.by_hand += [self.loop.now] if status == "succeeded" else []
        elif status == "succeeded":
            incident.trained = self.loop.now
            self._looked(incident, promoted=better)
        else:
            incident.failures.append(self.loop.now)
        if incident is None and status == "succeeded":
            # A newer version is there.
            self._give_up_waiting()

    def _looked(self, incident: Incident, *, promoted: bool) -> None:
        """Let the gate find rows this time, if the challenger waits still.

        That it waits is read from what the gate wrote: it waits no more when its outcome is there.
        """
        waiting, asleep = self.loop.waiting, self.asleep
        if waiting and incident.version == waiting.version:
            assert asleep is not None
            self.loop.waiting = self.asleep = None
            self._told(asleep, promoted=promoted)

    def _give_up_waiting(self) -> None:
        """Leave the challenger unjudged for good."""
        self.loop.waiting = self.asleep = None

    @precondition(lambda self: self._unjudged())
    @rule(promoted=st.booleans())
    def the_gate_judges(self, *, promoted: bool) -> None:
        self._told(self._unjudged()[0], promoted=promoted)

    def _told(self, incident: Incident, *, promoted: bool) -> None:
        incident.promoted, incident.waits = promoted, False
        self.loop.judge(incident.name, promoted=promoted)
        self._answer_code(promoted=promoted)

    @precondition(lambda self: self._unjudged() and not self.loop.waiting)
    @rule()
    def the_gate_finds_no_rows(self) -> None:
        """Everything is read at once from here on: what waits is read from what the gate wrote."""
        self.loop.wait(seconds=1)
        self.asleep = self._unjudged()[0]
        self.asleep.promoted, self.asleep.waits = False, True
        self.looks += 1
        self.loop.judge(self.asleep.name, promoted=False, waits=True)
        self.loop.waiting = Waiting(version=self.looks, there=0, needed=1, every="month")
        self._answer_code(promoted=False)

    @precondition(lambda self: self.loop.waiting)
    @rule()
    def rows_come(self) -> None:
        assert self.loop.waiting is not None
        self.loop.waiting = replace(self.loop.waiting, there=1)

    def _answer_code(self, *, promoted: bool) -> None:
        if self.loop.unscorable is not None:
            # Whatever asked for it, it was trained on the code of its day; say it was today's.
            waits = replace(self.loop.unscorable, untrained=None)
            self.loop.unscorable = None if promoted else waits

    def _unjudged(self) -> list[Incident]:
        return [
            one
            for one in self.incidents.values()
            if one.trained and one.promoted is None and one.version is None
        ]

    @precondition(lambda self: not self.loop.going_on())
    @rule()
    def a_person_trains(self) -> None:
        """The runs are read at once from here on: none of this was decided by the loop."""
        self.loop.wait(seconds=1)
        number = len(self.loop.runs)
        self.loop.runs[f"by hand {number}/1"] = Attempt(
            episode=f"by hand {number}", attempt=1, status="running", started_at=self.loop.now
        )

    @rule()
    def a_person_changes_the_code(self) -> None:
        """Everything is read at once from here on as well."""
        self.loop.wait(seconds=1)
        self._give_up_waiting()
        self.codes += 1
        self.loop.unscorable = Unscorable(
            why="Its code is gone.", by_hand="Train by hand.", untrained=f"c{self.codes}"
        )

    @precondition(lambda self: self.loop.unscorable)
    @rule()
    def a_person_takes_it_back(self) -> None:
        self.loop.wait(seconds=1)
        self._give_up_waiting()
        self.loop.unscorable = None

    def _has_hands(self) -> bool:
        hands = any(key.startswith("by hand") for key in self.loop.runs)
        return self.codes + self.looks > 0 or hands

    @rule()
    def a_person_resumes(self) -> None:
        # A person and a run do not act at the same instant.
        self.loop.wait(seconds=1)
        self.loop.resume()
        self.loop.wait(seconds=1)

    @rule(month=_MONTHS)
    def a_month_goes_its_way(self, month: Month) -> None:
        """Everything in its usual order, so that long histories are reached."""
        self.time_passes(month.length)
        self.data_is_mended()
        if self.loop.waiting:
            self.rows_come()
        self.a_window_is_judged("calibration", "alarm", 0)
        self.a_window_is_judged("performance", "alarm", 0)
        self.an_evaluation_decides()
        for status in month.ends:
            self.time_passes(month.pause)
            self.the_sensor_ticks()
            if month.broken:
                self.data_breaks("data_quality")
                self.an_evaluation_decides()
                self.data_is_mended()
                self.an_evaluation_decides()
            if self.loop.going_on():
                self.the_run_ends(status, better=bool(month.promoted))
        if month.promoted is None or not self._unjudged():
            return
        if month.rows or self.loop.waiting:
            self.the_gate_judges(promoted=month.promoted)
        else:
            self.the_gate_finds_no_rows()

    # What must hold.

    @invariant()
    def at_most_one_run_goes_on(self) -> None:
        assert len(self.loop.going_on()) <= 1

    @invariant()
    def every_evaluation_left_one_decision(self) -> None:
        assert len(self.loop.decisions) == self.evaluations

    def _check(self, decision: Decision) -> None:
        assert decision.reason
        assert decision.decided_at == self.loop.now
        assert decision.until is None or decision.until > self.loop.now
        if self._is_broken():
            assert (decision.action, decision.episode) == ("blocked", None)
        if not decision.asks:
            return
        assert decision.episode is not None
        known = self.incidents.get(decision.episode)
        if known is None:
            code = self._untrained() if decision.cause == "code" else None
            known = Incident(decision.episode, self.loop.now, decision.event_time, code)
            if decision.action == "judge":
                known.version = self._check_look(decision)
            else:
                self._check_limits(decision.event_time, code)
            self.incidents[decision.episode] = known
        assert (decision.action == "judge") == (known.version is not None)

    def _check_look(self, decision: Decision) -> int:
        """The gate looks again where there are rows, one run at a time; return the version."""
        waiting = self.loop.waiting
        assert waiting is not None
        assert waiting.ready
        assert decision.cause == "challenger"
        assert not self.loop.going_on()
        assert not self._breaker_is_open()
        assert self._open_incident() is None
        return waiting.version

    def _check_fresh(self, decision: Decision) -> None:
        """Nothing is held back or repeated without cause by who sees everything."""
        policy, now = self.loop.policy, self.loop.now
        if decision.cause == "breaker":
            assert self._breaker_is_open()
        if decision.asks:
            assert not self.loop.going_on()
            assert self._is_open(self.incidents[str(decision.episode)])
        elif self._untrained() is not None:
            assert self._is_kept_from_new_code()
        elif self.loop.waiting and self.loop.waiting.ready:
            assert self._is_broken() or self.loop.going_on() or self._breaker_is_open()
        if decision.until is not None:
            since = now - timedelta(days=policy.budget.days)
            spent = sum(one.opened > since for one in self._trainers())
            cooling = any(
                now - moment < timedelta(days=policy.cooldown_days) for moment in self._trainings()
            )
            assert cooling or spent >= policy.budget.retrains

    def _is_broken(self) -> bool:
        """Features that the champion cannot be given any more may be mended by the change."""
        outdated = {"data_quality"} if self.loop.unscorable else set()
        broken = {one.cause for one in self.findings.values() if one.verdict == "broken"}
        return bool(broken - outdated)

    def _untrained(self) -> str | None:
        """The code that a retraining is to be for, which no episode of it has trained on."""
        held = self.loop.unscorable
        code = None if held is None else held.untrained
        trained = {one.code for one in self.incidents.values() if one.trained}
        return None if code in trained else code

    def _is_kept_from_new_code(self) -> bool:
        since = self.loop.now - timedelta(days=self.loop.policy.budget.days)
        spent = sum(one.opened > since for one in self._trainers())
        return (
            self._is_broken()
            or len(self.loop.going_on()) > 0
            or self._breaker_is_open()
            or spent >= self.loop.policy.budget.retrains
        )

    def _trainers(self) -> list[Incident]:
        return [one for one in self.incidents.values() if one.version is None]

    def _is_open(self, incident: Incident) -> bool:
        waiting = self.loop.waiting
        if incident.version is not None:
            ready = waiting is not None and waiting.ready and waiting.version == incident.version
            return ready and self._is_undone(incident)
        return incident.code in (None, self._untrained()) and self._is_undone(incident)

    def _is_undone(self, incident: Incident) -> bool:
        return (
            incident.trained is None
            and len(incident.failures) < self.loop.policy.attempts.limit
            and not any(moment > incident.opened for moment in self.by_hand)
        )

    def _trainings(self, *, looks: bool = True) -> list[datetime]:
        """Return when models were trained, and those that waited were looked at."""
        among = self.incidents.values() if looks else self._trainers()
        return self.by_hand + [one.trained for one in among if one.trained]

    def _check_limits(self, evidence: datetime | None, code: str | None) -> None:
        """No limit stands against an episode that is opened now: for new code one less."""
        policy, now = self.loop.policy, self.loop.now
        before = list(self.incidents.values())
        # What is trained now would wait for the same rows.
        assert self.loop.waiting is None
        assert not self.loop.going_on()
        assert not self._breaker_is_open()
        for one in before:
            assert not self._is_open(one)
            assert one.code is None or one.code != code or one.trained is None
        if code is None:
            assert self.loop.unscorable is None
            self._check_cooldown()
        since = now - timedelta(days=policy.budget.days)
        trainers = self._trainers()
        assert sum(one.opened > since for one in trainers) < policy.budget.retrains
        answered = [one.evidence for one in trainers if one.trained and one.evidence is not None]
        if code is None and evidence and answered and not self._calendar_is_due():
            assert evidence > max(answered)

    def _check_cooldown(self) -> None:
        for moment in self._trainings():
            assert self.loop.now - moment >= timedelta(days=self.loop.policy.cooldown_days)

    def _breaker_is_open(self) -> bool:
        """K models since the last promotion or reset, none promoted, or an episode given up."""
        reset = max(self.loop.resets, default=START - timedelta(days=1))
        row = 0
        for one in self.incidents.values():
            given_up = len(one.failures) == self.loop.policy.attempts.limit and not one.trained
            if given_up and one.failures[-1] > reset:
                return True
            if one.promoted:
                row = 0
            elif one.version is not None or one.waits:
                # Nothing was trained, or nothing speaks against what was.
                continue
            elif one.trained is not None and one.trained >= reset:
                row += 1
        return row >= self.loop.policy.breaker

    def _calendar_is_due(self) -> bool:
        age = self.loop.policy.trigger.max_age_days
        times = [*self._trainings(looks=False), self.loop.champion_trained_at]
        newest = max((moment for moment in times if moment is not None), default=None)
        if age is None or newest is None:
            return False
        return self.loop.now - newest >= timedelta(days=age)

    def _check_launch(self, told: Launch) -> None:
        policy, now = self.loop.policy, self.loop.now
        assert not self.loop.going_on()
        assert not self._breaker_is_open()
        incident = self.incidents[told.episode]
        # The sensor does not know of code that was changed again.
        assert self._is_undone(incident)
        assert told.attempt == len(incident.failures) + 1 <= policy.attempts.limit
        if incident.failures:
            pause = timedelta(minutes=policy.attempts.backoff_minutes * 2 ** (told.attempt - 2))
            assert now - incident.failures[-1] >= pause
        if incident.code is None and incident.version is None:
            self._check_cooldown()

    def _open_incident(self) -> Incident | None:
        return next((one for one in self.incidents.values() if self._is_open(one)), None)

    def teardown(self) -> None:
        """Whatever happened, once evaluations and ticks go on nothing decided stays undone."""
        self.data_is_mended()
        if self.loop.going_on():
            self.the_run_ends("failed")
        if self.loop.unscorable is not None and not (self._untrained() or self.loop.waiting):
            # Until a person has acted nothing else is done.
            self.loop.unscorable = None
        pending, limit = self._open_incident(), self.loop.policy.attempts.limit
        if pending is None or self._breaker_is_open():
            return
        while len(pending.failures) < limit:
            if self.loop.going_on():
                self.the_run_ends("failed")
            self.time_passes(timedelta(days=3))
            self.an_evaluation_decides()
            before = len(self.loop.runs)
            self.the_sensor_ticks()
            assert len(pending.failures) == limit or len(self.loop.runs) == before + 1
        self.an_evaluation_decides()
        assert self.loop.decisions[-1].cause == "breaker"
        assert pending.name in self.loop.decisions[-1].reason


@pytest.mark.slow
def test_the_loop_keeps_its_promises() -> None:
    run_state_machine_as_test(Loop, settings=settings(max_examples=300, stateful_step_count=50))


@pytest.mark.slow
def test_the_loop_keeps_its_promises_for_long() -> None:
    run_state_machine_as_test(Loop, settings=settings(max_examples=300, stateful_step_count=80))
