from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.loop.attempt import Attempt, Status
from ml_assets.loop.decide import decide
from ml_assets.loop.decision import Action, Decision
from ml_assets.loop.episode import Outcome
from ml_assets.loop.history import History
from ml_assets.loop.next_attempt import Launch, Wait, next_attempt
from ml_assets.loop.policy import AttemptSpec, BudgetSpec, Policy, TriggerSpec, WindowRule
from ml_assets.loop.triggers import Finding, Verdict
from ml_assets.loop.unscorable import Unscorable
from ml_assets.loop.waiting import Waiting
from ml_assets.monitors.drift import drift
from ml_assets.monitors.drift_limits import drift_limits
from ml_assets_tests.loop.ledgers import START, Ledgers, alarm, finding, ok
from ml_assets_tests.monitors.world import Change, world

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

FIRST = "calibration-2013-06-01"


def at_day(day: float, policy: Policy | None = None) -> Ledgers:
    return Ledgers(policy=policy or Policy(), now=START + timedelta(days=day))


# Broken data.


def test_broken_data_blocks_whatever_else_is_found() -> None:
    decision = at_day(5).evaluate(
        alarm("calibration", 4),
        finding("data_quality", "broken", 4, "12 % of arr_delay is NULL"),
        finding("labels", "broken", 3, "no label since 2013-05-20"),
    )
    assert decision == Decision(
        action="blocked",
        cause="data_quality",
        reason="Broken data: data_quality in 2013-06-05: 12 % of arr_delay is NULL (and 1 more)",
        event_time=START + timedelta(days=4),
        decided_at=START + timedelta(days=5),
    )


def test_data_that_breaks_stops_an_open_episode_and_mended_data_lets_it_go_on() -> None:
    loop = at_day(0)
    loop.evaluate(alarm("calibration", 0))
    loop.wait(days=1)
    told = "Broken data: data_quality in 2013-06-02: no rows"
    blocked = loop.evaluate(finding("data_quality", "broken", 1, "no rows"))
    assert (blocked.action, blocked.reason, blocked.episode) == ("blocked", told, None)
    assert loop.tick() == Wait(reason=told)
    loop.wait(days=1)
    assert loop.evaluate(ok("data_quality", 1)).episode == FIRST
    assert isinstance(loop.tick(), Launch)


# What is lost.


def test_without_a_champion_that_was_there_it_waits_for_a_person() -> None:
    loop = at_day(5)
    loop.lost_champion = 3
    decision = loop.evaluate(alarm("calibration", 4))
    assert (decision.action, decision.cause, decision.episode) == ("blocked", "champion", None)
    assert "version 3 lost the alias" in decision.reason


def test_a_champion_that_cannot_score_waits_for_its_successor_whatever_is_found() -> None:
    loop = at_day(5)
    loop.retrain(alarm("calibration", 4))
    loop.unscorable = Unscorable(why="Its code is gone.", by_hand="Promote version 2.")
    decision = loop.evaluate(alarm("calibration", 4.5))
    assert (decision.action, decision.cause, decision.episode) == ("blocked", "code", None)
    assert decision.reason == "Nothing is scored. Its code is gone. Promote version 2."
    assert loop.tick() == Wait(reason=decision.reason)


def test_an_episode_whose_runs_are_deleted_is_known_by_its_outcome() -> None:
    loop = at_day(5)
    loop.retrain(alarm("calibration", 4), promoted=True)
    loop.runs.clear()
    assert loop.history.answered_until == START + timedelta(days=4)
    cooling = loop.evaluate(alarm("calibration", 4.5))
    assert (cooling.action, cooling.episode) == ("hold", None)
    assert cooling.until is not None
    loop.wait(days=100)
    again = loop.evaluate(alarm("calibration", 50))
    assert (again.action, again.episode) == ("retrain", "calibration-2013-07-21")


def test_models_of_deleted_runs_that_nobody_promoted_open_the_breaker() -> None:
    loop = at_day(5)
    for day in (4, 40, 80):
        loop.go_to(day)
        loop.retrain(alarm("calibration", day), promoted=False)
    loop.runs.clear()
    loop.wait(days=40)
    assert loop.evaluate(alarm("calibration", 119)).cause == "breaker"


# Code that was changed.


def changed_to(code: str | None) -> Unscorable:
    return Unscorable(why="Its code is gone.", by_hand="Train by hand.", untrained=code)


def test_code_that_nothing_was_trained_on_is_trained_on_though_it_is_in_cooldown() -> None:
    loop = at_day(5)
    loop.retrain(alarm("calibration", 4), promoted=True)
    loop.wait(minutes=1)
    loop.unscorable = changed_to("c0de")
    loop.repeats = True
    decision = loop.evaluate(ok("calibration", 4.5))
    assert decision == Decision(
        action="retrain",
        cause="code",
        reason="Nothing is scored. Its code is gone.",
        event_time=START + timedelta(days=4.5),
        decided_at=loop.now,
        episode="code-c0de",
    )
    told = loop.tick()
    assert isinstance(told, Launch)
    assert told.run_key == "code-c0de/1"
    assert loop.evaluate().action == "hold"


def test_code_is_trained_on_once_and_what_it_answered_is_in_cooldown() -> None:
    loop = at_day(5)
    loop.unscorable = changed_to("c0de")
    loop.retrain(ok("calibration", 4), promoted=False)
    # The version is lost, and with it what says that there was one.
    waiting = loop.evaluate()
    assert (waiting.action, waiting.cause, waiting.episode) == ("blocked", "code", None)
    assert waiting.reason == "Nothing is scored. Its code is gone. Train by hand."
    loop.wait(minutes=1)
    loop.unscorable = changed_to("c0de2")
    assert loop.retrain().episode == "code-c0de2"
    loop.unscorable = None
    assert loop.evaluate(alarm("calibration", 5)).reason.startswith("In cooldown until")


def test_code_that_went_back_before_it_was_trained_on_is_not_trained_on() -> None:
    loop = at_day(5)
    loop.unscorable = changed_to("c0de")
    loop.retrain(status="failed")
    assert loop.evaluate().episode == "code-c0de"
    loop.unscorable = None
    free = loop.evaluate(ok("calibration", 4))
    assert free.reason.startswith("Nothing is due")
    assert loop.tick() == Wait(reason=free.reason)
    loop.unscorable = changed_to("other")
    assert loop.evaluate().episode == "code-other"


def test_new_code_waits_for_what_goes_on_and_for_what_was_begun() -> None:
    loop = at_day(5)
    loop.evaluate(alarm("calibration", 4))
    loop.unscorable = changed_to("c0de")
    assert loop.evaluate().episode == "calibration-2013-06-05"
    loop.tick()
    running = loop.evaluate()
    assert (running.action, running.episode) == ("hold", "calibration-2013-06-05")


def test_features_that_were_broken_before_the_change_do_not_stop_it() -> None:
    loop = at_day(5)
    lacking = finding("data_quality", "broken", 4)
    assert loop.evaluate(lacking).action == "blocked"
    loop.unscorable = changed_to("c0de")
    assert loop.evaluate(lacking).episode == "code-c0de"


def test_broken_data_and_the_breaker_stop_new_code_too() -> None:
    loop = at_day(5, Policy(breaker=1))
    loop.unscorable = changed_to("c0de")
    assert loop.evaluate(finding("contract", "broken", 4)).cause == "contract"
    loop.exhaust()
    blocked = loop.evaluate()
    assert blocked.cause == "breaker"
    assert "code-c0de is given up" in blocked.reason
    loop.wait(minutes=1)
    loop.resume()
    assert loop.evaluate().episode == "code-c0de-2"


def test_new_code_over_budget_is_told_to_people_and_trained_on_once_it_is_free() -> None:
    loop = at_day(0, Policy(budget=BudgetSpec(retrains=1, days=100)))
    loop.retrain(alarm("calibration", 0), promoted=True)
    loop.unscorable = changed_to("c0de")
    told = loop.evaluate()
    assert (told.action, told.cause, told.until) == ("blocked", "code", None)
    assert told.reason == (
        "Budget of 1 retrains in 100 days used, next on 2013-09-09: nothing is scored."
        " Its code is gone. Train by hand."
    )
    loop.go_to(100)
    assert loop.evaluate().episode == "code-c0de"


# A challenger that the gate found no rows for.


def waits(there: int = 0, needed: int = 1) -> Waiting:
    return Waiting(version=3, there=there, needed=needed, every="month")


def asleep(policy: Policy | None = None) -> Ledgers:
    """Return ledgers in which the first challenger, of day 5, waits for rows."""
    loop = at_day(5, policy)
    episode = loop.retrain(alarm("calibration", 4)).episode
    loop.judge(str(episode), promoted=False, waits=True)
    loop.waiting = waits()
    loop.wait(minutes=1)
    return loop


def test_a_challenger_that_waits_for_rows_holds_all_that_would_wait_too() -> None:
    loop = asleep()
    loop.go_to(200)
    for _ in range(2):
        held = loop.evaluate(alarm("calibration", 190))
        assert held == Decision(
            action="hold",
            cause="challenger",
            reason="Version 3 waits for rows that neither version was trained on:"
            " 0 of 1 month so far",
            event_time=START + timedelta(days=190),
            decided_at=loop.now,
        )
        assert loop.tick() == Wait(reason=held.reason)
    loop.waiting = waits(1, 2)
    assert loop.evaluate().reason.endswith("1 of 2 months so far")


def test_once_there_are_rows_the_gate_looks_again_in_cooldown_and_over_budget() -> None:
    loop = asleep(Policy(budget=BudgetSpec(retrains=1)))
    loop.waiting = waits(1)
    decision = loop.evaluate(alarm("calibration", 5))
    assert (decision.action, decision.cause) == ("judge", "challenger")
    assert decision.episode == "challenger-3"
    told = loop.tick()
    assert isinstance(told, Launch)
    assert told.run_key == "challenger-3/1"
    assert loop.evaluate().action == "hold"
    loop.end("failed")
    again = loop.evaluate()
    assert (again.action, again.cause, again.episode) == ("judge", "challenger", "challenger-3")
    loop.wait(minutes=20)
    told = loop.tick()
    assert isinstance(told, Launch)
    assert told.run_key == "challenger-3/2"
    loop.end("succeeded")
    loop.waiting = None
    # It used no budget, and answered nothing that the training had not.
    loop.policy = Policy(cooldown_days=0, budget=BudgetSpec(retrains=2))
    loop.wait(minutes=1)
    assert loop.evaluate(alarm("calibration", 5)).episode == "calibration-2013-06-06"


def test_a_look_that_was_decided_ends_with_the_wait() -> None:
    loop = asleep()
    loop.waiting = waits(1)
    loop.evaluate()
    loop.waiting = replace(waits(1), version=4)
    assert loop.evaluate().episode == "challenger-4"
    loop.waiting = None
    assert loop.evaluate().episode is None


def stale_attempt(breaker: int, status: Status) -> Ledgers:
    """Let a sensor that lost its place try an episode again whose code is not today's any more."""
    loop = at_day(5)
    loop.policy = Policy(breaker=breaker, attempts=AttemptSpec(limit=2, backoff_minutes=1))
    loop.unscorable = changed_to("c0de")
    earlier = loop.evaluate()
    loop.tick()
    loop.end("failed")
    loop.wait(minutes=5)
    loop.unscorable = changed_to("feed")
    newer = loop.evaluate()
    assert (newer.action, newer.episode) == ("retrain", "code-feed")
    stale = next_attempt(earlier, list(loop.runs.values()), loop.policy, loop.now)
    assert isinstance(stale, Launch)
    loop.launch(stale)
    loop.wait(minutes=5)
    loop.end(status)
    loop.wait(minutes=5)
    return loop


def test_a_stale_attempt_answers_no_episode_of_later_code() -> None:
    loop = stale_attempt(2, "succeeded")
    decision = loop.evaluate()
    assert (decision.action, decision.episode) == ("retrain", "code-feed")


@pytest.mark.parametrize(("breaker", "status"), [(1, "succeeded"), (2, "failed")])
def test_the_breaker_that_a_stale_attempt_opens_stops_what_is_decided_and_not_begun(
    breaker: int, status: Status
) -> None:
    loop = stale_attempt(breaker, status)
    decision = loop.evaluate()
    assert (decision.action, decision.cause) == ("blocked", "breaker")
    loop.resume()
    assert loop.evaluate().episode == "code-feed"


def test_a_look_that_cannot_be_taken_opens_the_breaker() -> None:
    loop = asleep()
    loop.waiting = waits(1)
    loop.evaluate()
    for _ in range(loop.policy.attempts.limit):
        loop.wait(days=1)
        assert isinstance(loop.tick(), Launch)
        loop.end("failed")
    blocked = loop.evaluate()
    assert blocked.cause == "breaker"
    assert "challenger-3 is given up" in blocked.reason
    loop.wait(minutes=1)
    loop.resume()
    assert loop.evaluate().episode == "challenger-3-2"


def test_looks_at_nothing_do_not_open_the_breaker_and_what_they_end_in_does() -> None:
    policy = Policy(breaker=1, cooldown_days=0)
    loop = asleep(policy)
    episode = loop.decisions[0].episode
    loop.waiting = None
    assert loop.evaluate(alarm("calibration", 5)).action == "retrain"
    loop = asleep(policy)
    loop.waiting = None
    loop.judge(str(episode), promoted=False)
    assert loop.evaluate(alarm("calibration", 5)).cause == "breaker"


def test_the_calendar_counts_from_the_training_and_not_from_the_look() -> None:
    loop = asleep(Policy(trigger=TriggerSpec(max_age_days=30), cooldown_days=0))
    loop.go_to(34)
    loop.waiting = waits(1)
    loop.evaluate()
    assert isinstance(loop.tick(), Launch)
    loop.end("succeeded")
    loop.waiting = None
    loop.go_to(36)
    due = loop.evaluate()
    assert (due.action, due.cause) == ("retrain", "calendar")
    assert "the newest training of 2013-06-06" in due.reason.lower()


def test_people_hear_of_new_code_that_waits_for_rows() -> None:
    loop = at_day(5)
    loop.unscorable = changed_to(None)
    loop.waiting = waits()
    told = loop.evaluate()
    assert (told.action, told.cause, told.episode) == ("blocked", "code", None)
    assert told.reason == (
        "Nothing is scored. Its code is gone. Version 3 waits for rows that neither version was"
        " trained on: 0 of 1 month so far. Train by hand."
    )
    assert loop.evaluate(finding("contract", "broken", 4)).cause == "contract"
    loop.waiting = waits(1)
    assert loop.evaluate().action == "judge"


# Nothing new to learn.


def test_a_challenger_that_would_learn_nothing_new_waits_for_data_and_not_for_time() -> None:
    loop = at_day(5)
    loop.repeats = True
    held = loop.evaluate(alarm("calibration", 4))
    assert held == Decision(
        action="hold",
        cause="calibration",
        reason="A challenger would learn nothing new: what the champion has not seen is held out"
        " to judge it: calibration alarm in 2013-06-05: the numbers",
        event_time=START + timedelta(days=4),
        decided_at=START + timedelta(days=5),
    )
    assert loop.tick() == Wait(reason=held.reason)
    loop.repeats = False
    assert loop.evaluate(alarm("calibration", 4)).action == "retrain"


def test_what_is_begun_is_finished_though_nothing_is_new() -> None:
    loop = at_day(5)
    loop.repeats = False
    loop.retrain(alarm("calibration", 4), status="failed")
    loop.repeats = True
    loop.wait(days=1)
    assert loop.evaluate(alarm("calibration", 4)).episode == "calibration-2013-06-05"


def test_a_window_keeps_its_own_answer_out_of_what_it_adds_up() -> None:
    loop = at_day(5)
    for day in (4, 40):
        loop.go_to(day + 1)
        loop.retrain(alarm("calibration", day), promoted=True)
    first, second = (START + timedelta(days=day) for day in (4, 40))
    history = loop.history
    assert history.answered_until == second
    assert history.answered_before(first) is None
    assert history.answered_before(second) == first
    assert history.answered_before(second + timedelta(days=1)) == second


# Triggers.


def test_the_calibration_cusum_alarms_alone() -> None:
    decision = at_day(5).evaluate(finding("calibration", "alarm", 4, "CUSUM 8.4, limit 8.1"))
    assert decision == Decision(
        action="retrain",
        cause="calibration",
        reason="Calibration alarm in 2013-06-05: CUSUM 8.4, limit 8.1",
        event_time=START + timedelta(days=4),
        decided_at=START + timedelta(days=5),
        episode="calibration-2013-06-05",
    )


@pytest.mark.parametrize(
    ("verdicts", "action"),
    [
        ("A", "hold"),
        ("AA", "retrain"),
        ("AoA", "retrain"),
        ("AooA", "hold"),
        ("AAo", "hold"),
        ("oAA", "retrain"),
        ("A-A", "retrain"),
        ("AA-", "retrain"),
    ],
)
def test_performance_needs_two_of_three_judged_windows_and_the_newest(
    verdicts: str, action: Action
) -> None:
    meaning: dict[str, Verdict] = {"A": "alarm", "o": "ok", "-": "not enough data"}
    found = [finding("performance", meaning[one], day) for day, one in enumerate(verdicts)]
    assert at_day(9).evaluate(*found).action == action


def test_performance_says_how_many_windows_were_in_alarm() -> None:
    found = alarm("performance", 0), ok("performance", 1), alarm("performance", 2)
    decision = at_day(9).evaluate(*found)
    assert decision.reason == (
        "Performance alarm in 2013-06-03, 2 alarms in the last 3 windows"
        " with 2 of 3 asked for: the numbers"
    )
    assert decision.episode == "performance-2013-06-03"


def test_windows_are_ordered_by_time_and_not_by_name() -> None:
    first, later = alarm("calibration", 60), ok("calibration", 67)
    named = replace(first, window="2013-W9"), replace(later, window="2013-W10")
    assert at_day(70).evaluate(*named).action == "hold"


def test_an_alarm_and_an_ok_of_the_same_window_are_an_alarm() -> None:
    assert at_day(1).evaluate(alarm("calibration", 0), ok("calibration", 0)).action == "retrain"


@pytest.mark.parametrize("cause", ["drift", "prediction_drift", "labels", "data_quality"])
def test_other_causes_inform_and_do_not_retrain(cause: str) -> None:
    found = [alarm(cause, day) for day in range(5)]
    assert at_day(5).evaluate(*found, ok("calibration", 4)).action == "hold"


def test_drift_retrains_where_it_is_switched_on() -> None:
    policy = Policy(trigger=TriggerSpec(drift=WindowRule(alarms=1, of=1)))
    found = at_day(5, policy).evaluate(alarm("prediction_drift", 4))
    assert found.episode == "prediction_drift-2013-06-05"


def test_drift_of_a_feature_that_the_model_does_not_use_never_retrains() -> None:
    policy = Policy(trigger=TriggerSpec(drift=WindowRule(alarms=1, of=1)))
    reference = world(180, seed=1)
    importance = {"x0": 8.0, "x1": 3.0, "x2": 3.0, "x3": 3.0, "x4": 0.0}
    for name, action in (("x4", "hold"), ("x0", "retrain")):
        window = world(28, seed=99, change=Change(shift={name: 0.5}))
        limits = drift_limits(reference, window, 0.05, 1000, 0)
        found = drift(reference, window, importance, limits)
        assert [one.name for one in found.features if one.exceeds] == [name]
        said = alarm("drift", 4), (alarm if found.score_alarm else ok)("prediction_drift", 4)
        assert at_day(5, policy).evaluate(*said).action == action


def test_calibration_is_asked_before_performance() -> None:
    found = alarm("performance", 3), alarm("performance", 4), alarm("calibration", 4)
    assert at_day(5).evaluate(*found).cause == "calibration"


def test_the_calendar_retrains_when_the_newest_training_is_too_old() -> None:
    loop = at_day(179)
    loop.champion_trained_at = START
    assert loop.evaluate(ok("calibration", 178)).reason == (
        "Nothing is due: calibration ok in 2013-11-26; performance was not measured;"
        " the newest training of 2013-06-01 is 179 days old with 180 allowed"
    )
    loop.wait(days=1)
    decision = loop.evaluate(ok("calibration", 178))
    assert (decision.action, decision.cause) == ("retrain", "calendar")
    assert decision.reason == ("The newest training of 2013-06-01 is 180 days old with 180 allowed")
    assert decision.episode == "calendar-2013-11-28"
    assert decision.event_time == START + timedelta(days=178)


def test_a_challenger_that_lost_postpones_the_calendar() -> None:
    loop = at_day(180)
    loop.champion_trained_at = START
    loop.retrain(promoted=False)
    loop.wait(days=179)
    assert loop.evaluate().action == "hold"
    loop.wait(days=1)
    assert loop.evaluate().cause == "calendar"


def test_without_calendar_or_champion_age_asks_for_nothing() -> None:
    never = at_day(5000, Policy(trigger=TriggerSpec(max_age_days=None)))
    never.champion_trained_at = START
    assert never.evaluate().action == at_day(5000).evaluate().action == "hold"


def test_nothing_due_says_why_for_every_cause() -> None:
    decision = at_day(5).evaluate(ok("calibration", 4), ok("performance", 0), alarm("drift", 4))
    assert decision == Decision(
        action="hold",
        cause=None,
        reason="Nothing is due: calibration ok in 2013-06-05; performance ok in 2013-06-01,"
        " 0 alarms in the last 1 window with 2 of 3 asked for",
        event_time=START + timedelta(days=4),
        decided_at=START + timedelta(days=5),
    )


def test_not_enough_data_is_not_ok() -> None:
    few = finding("calibration", "not enough data", 4, "9 of 14 days have labels")
    assert at_day(5).evaluate(few).reason == (
        "Not enough data: calibration in 2013-06-05: 9 of 14 days have labels;"
        " performance was not measured"
    )
    assert at_day(5).evaluate(few).event_time is None
    assert at_day(5).evaluate(few, ok("performance", 4)).reason.startswith("Nothing is due: ")


def test_a_policy_without_any_trigger_says_so() -> None:
    off = TriggerSpec(calibration=None, performance=None, max_age_days=None)
    decision = at_day(5, Policy(trigger=off)).evaluate(alarm("calibration", 4))
    assert decision.reason == "Nothing is due: no cause may retrain"


# An open episode.


def test_a_retraining_that_has_not_started_is_repeated_as_the_same() -> None:
    loop = at_day(0)
    first = loop.evaluate(alarm("calibration", 0))
    loop.wait(days=3)
    again = loop.evaluate(ok("calibration", 3), alarm("performance", 2), alarm("performance", 3))
    assert again == Decision(
        action="retrain",
        cause="calibration",
        reason="calibration-2013-06-01 was decided on 2013-06-01 and has not started yet",
        event_time=first.event_time,
        decided_at=loop.now,
        episode=FIRST,
    )
    loop.wait(days=1)
    assert loop.evaluate().reason == again.reason


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_run_that_goes_on_holds_every_cause(status: Status) -> None:
    loop = at_day(0)
    loop.evaluate(alarm("calibration", 0))
    loop.tick()
    if status == "running":
        loop.end("running")
    loop.wait(days=1)
    held = loop.evaluate(alarm("performance", 0), alarm("performance", 1))
    assert (held.action, held.cause, held.episode) == ("hold", "calibration", FIRST)
    assert held.reason == f"{FIRST}/1 has been {status} since 2013-06-01 00:00 UTC"


def test_a_failed_attempt_is_said_and_the_episode_goes_on() -> None:
    loop = at_day(0)
    loop.retrain(alarm("calibration", 0), status="cancelled")
    again = loop.evaluate(ok("calibration", 0))
    assert (again.action, again.episode) == ("retrain", FIRST)
    assert again.reason == (
        f"Attempt 1 of 3 of {FIRST} was cancelled on 2013-06-01 and the next one is to come"
    )


def test_a_run_by_hand_holds_and_is_nobodys_to_repeat() -> None:
    loop = at_day(0)
    loop.runs["by hand/1"] = Attempt(
        episode="by hand", attempt=1, status="running", started_at=START
    )
    held = loop.evaluate(alarm("calibration", 0))
    assert (held.action, held.episode) == ("hold", None)
    loop.end("failed")
    assert loop.asked() == Wait(reason="by hand/1 has been running since 2013-06-01 00:00 UTC")


def test_an_open_episode_waits_for_a_run_by_hand_and_goes_on_if_that_fails() -> None:
    loop = at_day(0)
    loop.evaluate(alarm("calibration", 0))
    loop.wait(minutes=1)
    loop.runs["by hand/1"] = Attempt(
        episode="by hand", attempt=1, status="running", started_at=loop.now
    )
    loop.wait(minutes=1)
    held = loop.evaluate(alarm("calibration", 0))
    assert (held.action, held.episode) == ("hold", FIRST)
    assert held.reason == "by hand/1 has been running since 2013-06-01 00:01 UTC"
    assert loop.asked() == Wait(reason=held.reason)
    loop.end("failed")
    assert loop.asked() == Wait(
        reason=f"{FIRST} was decided on 2013-06-01 00:02 UTC, before by hand/1 ended"
    )
    loop.wait(minutes=1)
    assert loop.evaluate(alarm("calibration", 0)).episode == FIRST
    assert isinstance(loop.asked(), Launch)


def test_a_run_is_done_though_its_clock_is_behind() -> None:
    loop = at_day(0)
    loop.evaluate(alarm("calibration", 0))
    early = START - timedelta(seconds=2)
    loop.runs[f"{FIRST}/1"] = Attempt(
        episode=FIRST, attempt=1, status="succeeded", started_at=early, ended_at=early
    )
    assert loop.evaluate(alarm("calibration", 0)).reason.startswith("Nothing is due")


def test_an_episode_is_answered_by_a_run_that_trained_after_it_was_decided() -> None:
    loop = at_day(0)
    loop.evaluate(alarm("calibration", 0))
    loop.wait(days=1)
    loop.runs["by hand/1"] = Attempt(
        episode="by hand", attempt=1, status="succeeded", started_at=loop.now, ended_at=loop.now
    )
    assert loop.evaluate(alarm("calibration", 0)).reason.startswith("In cooldown until 2013-06-30")


# What was answered.


def test_an_alarm_that_was_answered_does_not_ask_again() -> None:
    loop = at_day(0)
    loop.retrain(alarm("calibration", 0), promoted=True)
    loop.wait(days=60)
    assert loop.evaluate(alarm("calibration", 0), alarm("performance", -30)).reason == (
        "Nothing is due: calibration has no window after 2013-06-01, which a retraining has"
        " answered; performance has no window after 2013-05-02, which a retraining has answered;"
        " the newest training of 2013-06-01 is 60 days old with 180 allowed"
    )
    assert loop.evaluate(alarm("calibration", 1)).episode == "calibration-2013-06-02"


def test_windows_from_before_the_last_retraining_count_for_nothing() -> None:
    loop = at_day(10)
    loop.retrain(alarm("performance", 8), alarm("performance", 9), promoted=True)
    loop.wait(days=60)
    windows = [alarm("performance", day) for day in (8, 9, 40)]
    assert loop.evaluate(*windows).action == "hold"
    assert loop.evaluate(*windows, alarm("performance", 70)).action == "retrain"


def test_an_old_month_that_is_filled_in_late_does_not_turn_the_newest_window_green() -> None:
    late = alarm("calibration", 20), ok("calibration", -60)
    assert at_day(21).evaluate(*late).episode == "calibration-2013-06-21"


# The breaker.


def test_retrains_in_a_row_without_promotion_open_the_breaker_until_a_person_resets_it() -> None:
    loop = at_day(0)
    for day in (0, 30, 60):
        loop.go_to(day)
        loop.retrain(alarm("calibration", day), promoted=False)
    loop.go_to(200)
    blocked = loop.evaluate(ok("calibration", 199))
    assert (blocked.action, blocked.cause, blocked.episode) == ("blocked", "breaker", None)
    assert blocked.reason == (
        "3 retrains in a row were not promoted, the last calibration-2013-07-31:"
        " find out why, then run `ml-assets resume`"
    )
    assert loop.tick() == Wait(reason=blocked.reason)
    loop.resume()
    assert loop.evaluate(alarm("calibration", 199)).action == "retrain"


def test_a_promotion_in_between_ends_the_row() -> None:
    loop = at_day(0, Policy(budget=BudgetSpec(retrains=9)))
    for day, promoted in ((0, False), (30, False), (60, True), (90, False), (120, False)):
        loop.go_to(day)
        loop.retrain(alarm("calibration", day), promoted=promoted)
    loop.go_to(150)
    assert loop.evaluate(alarm("calibration", 150)).action == "retrain"


def test_a_retraining_that_nobody_judged_counts_as_not_promoted() -> None:
    loop = at_day(0)
    for day in (0, 30, 60):
        loop.go_to(day)
        loop.retrain(alarm("calibration", day), promoted=None)
    loop.go_to(90)
    assert loop.evaluate(alarm("calibration", 90)).cause == "breaker"
    loop.judge("calibration-2013-07-01", promoted=True)
    # It went live just now.
    assert loop.evaluate(alarm("calibration", 90)).reason.startswith("In cooldown until")
    loop.wait(days=loop.policy.cooldown_days)
    assert loop.evaluate(alarm("calibration", 90)).action == "retrain"


def test_a_model_that_went_live_before_its_run_failed_counts_as_promoted() -> None:
    loop = at_day(0, Policy(breaker=1))
    loop.retrain(alarm("calibration", 0), status="failed", promoted=True)
    loop.wait(days=1)
    loop.tick()
    loop.end("succeeded")
    # The same model trained again does not beat itself.
    loop.judge(FIRST, promoted=False)
    assert loop.evaluate(ok("calibration", 1)).action == "hold"


def test_attempts_that_are_used_up_open_the_breaker_until_a_person_resets_it() -> None:
    loop = at_day(0)
    loop.exhaust(alarm("calibration", 0))
    blocked = loop.evaluate(alarm("calibration", 2))
    assert (blocked.action, blocked.cause, blocked.episode) == ("blocked", "breaker", None)
    assert blocked.reason == (
        f"{FIRST} is given up, its attempt 3 of 3 failed on 2013-06-03:"
        " find out why, then run `ml-assets resume`"
    )
    loop.wait(minutes=1)
    loop.resume()
    # Nothing was trained: the same evidence asks at once, under a name that was never launched.
    again = loop.evaluate(alarm("calibration", 0))
    assert (again.action, again.episode) == ("retrain", f"{FIRST}-2")
    assert isinstance(loop.tick(), Launch)


def test_a_reset_from_before_counts_for_nothing() -> None:
    loop = at_day(0)
    loop.resume()
    loop.wait(minutes=1)
    loop.exhaust(alarm("calibration", 0))
    assert loop.evaluate(alarm("calibration", 0)).cause == "breaker"


def test_a_higher_limit_lets_a_given_up_episode_go_on() -> None:
    loop = at_day(0)
    loop.exhaust(alarm("calibration", 0))
    loop.policy = Policy(attempts=AttemptSpec(limit=4))
    loop.wait(days=1)
    assert loop.evaluate().episode == FIRST
    told = loop.tick()
    assert isinstance(told, Launch)
    assert told.run_key == f"{FIRST}/4"


def test_a_run_started_again_by_hand_can_still_save_its_episode() -> None:
    loop = at_day(0)
    loop.exhaust(alarm("calibration", 0))
    assert loop.evaluate().cause == "breaker"
    loop.wait(hours=1)
    again = Attempt(episode=FIRST, attempt=3, status="running", started_at=loop.now)
    history = loop.history
    runs = [*history.attempts, again]
    going = decide([], History(decisions=history.decisions, attempts=runs), Policy(), loop.now)
    assert (going.action, going.episode) == ("hold", FIRST)
    done = Attempt(episode=FIRST, attempt=3, status="succeeded", started_at=loop.now)
    runs = [*history.attempts, done]
    after = decide([], History(decisions=history.decisions, attempts=runs), Policy(), loop.now)
    assert (after.action, after.cause) == ("hold", None)


# Cooldown and budget.


def test_the_cooldown_counts_from_the_end_of_the_training() -> None:
    loop = at_day(0)
    loop.retrain(alarm("calibration", 0), promoted=True)
    loop.go_to(20)
    held = loop.evaluate(alarm("calibration", 19))
    until = START + timedelta(days=28, hours=1)
    assert held == Decision(
        action="hold",
        cause="calibration",
        reason=f"In cooldown until 2013-06-29, 28 days after {FIRST} succeeded:"
        " calibration alarm in 2013-06-20: the numbers",
        event_time=START + timedelta(days=19),
        decided_at=loop.now,
        until=until,
    )
    assert loop.tick() == Wait(reason=held.reason, until=until)
    loop.now = until - timedelta(seconds=1)
    assert loop.evaluate(alarm("calibration", 19)).action == "hold"
    loop.now = until
    assert loop.evaluate(alarm("calibration", 19)).action == "retrain"


def test_a_model_that_went_live_starts_the_cooldown_though_its_run_failed_afterwards() -> None:
    """Its champion is of today's code, so that no second attempt follows."""
    loop = at_day(0)
    loop.unscorable = changed_to("c0de")
    loop.retrain(status="failed", promoted=True)
    loop.unscorable = None
    loop.go_to(20)
    held = loop.evaluate(alarm("calibration", 19))
    assert held.until == START + timedelta(days=28, hours=1)
    assert held.reason.startswith("In cooldown until 2013-06-29, 28 days after code-c0de succeeded")
    loop.go_to(29)
    assert loop.evaluate(alarm("calibration", 19)).action == "retrain"


def test_a_budget_that_is_used_says_when_it_is_free_again() -> None:
    loop = at_day(0, Policy(budget=BudgetSpec(retrains=2, days=100), cooldown_days=1))
    for day in (0, 10):
        loop.go_to(day)
        loop.retrain(alarm("calibration", day), promoted=True)
    loop.go_to(20)
    held = loop.evaluate(alarm("calibration", 20))
    assert (held.action, held.until) == ("hold", START + timedelta(days=100))
    assert held.reason == (
        "Budget of 2 retrains in 100 days used, next on 2013-09-09:"
        " calibration alarm in 2013-06-21: the numbers"
    )
    loop.go_to(100)
    assert loop.evaluate(alarm("calibration", 99)).action == "retrain"


def test_an_episode_that_was_given_up_is_paid_from_the_budget() -> None:
    loop = at_day(0, Policy(budget=BudgetSpec(retrains=1)))
    loop.exhaust(alarm("calibration", 0))
    loop.resume()
    assert loop.evaluate(alarm("calibration", 0)).reason.startswith("Budget of 1 retrains in 365")


def test_without_a_cooldown_the_next_evidence_retrains_at_once() -> None:
    loop = at_day(0, Policy(cooldown_days=0))
    loop.retrain(alarm("calibration", 0), promoted=True)
    assert loop.evaluate(alarm("calibration", 0.01)).episode == f"{FIRST}-2"
    assert isinstance(loop.tick(), Wait)
    # Whether a run of the same instant came before the decision, the next decision knows.
    loop.wait(seconds=1)
    assert loop.evaluate(ok("calibration", 0.01)).episode == f"{FIRST}-2"
    assert isinstance(loop.tick(), Launch)


# Long runs.


def _daily(loop: Ledgers, days: int, verdict: Sequence[Verdict], *, promoted: bool) -> list[Action]:
    """Evaluate once a day, launch and train within it, and judge at once."""
    actions: list[Action] = []
    for day in range(days):
        loop.go_to(day)
        one = finding("calibration", verdict[day % len(verdict)], day)
        decision = loop.evaluate(one)
        if isinstance(loop.tick(), Launch):
            loop.wait(hours=1)
            loop.end("succeeded")
            loop.judge(str(decision.episode), promoted=promoted)
        actions.append(decision.action)
    return actions


def _openings(actions: Sequence[Action]) -> list[int]:
    return [day for day, action in enumerate(actions) if action == "retrain"]


def test_ninety_days_of_alarm_end_within_the_budget_with_the_breaker_open() -> None:
    loop = at_day(0)
    actions = _daily(loop, 90, ["alarm"], promoted=False)
    assert _openings(actions) == [0, 29, 58]
    assert actions[59:] == ["blocked"] * 31
    assert loop.decisions[-1].cause == "breaker"


def test_two_years_of_alarm_with_models_that_are_promoted_stay_within_the_budget() -> None:
    openings = _openings(_daily(at_day(0), 730, ["alarm"], promoted=True))
    assert openings == [0, 29, 58, 87, 365, 394, 423, 452]


@given(verdicts=st.lists(st.sampled_from(get_args(Verdict)[:3]), min_size=2, max_size=120))
def test_flapping_findings_give_a_stable_decision(verdicts: list[Verdict]) -> None:
    loop = at_day(0)
    openings = _openings(_daily(loop, len(verdicts), verdicts, promoted=True))
    assert openings[:1] == ([verdicts.index("alarm")] if "alarm" in verdicts else [])
    assert all(later - earlier > 28 for earlier, later in pairwise(openings))
    assert len(openings) <= 1 + len(verdicts) // 29


@given(verdicts=st.lists(st.sampled_from(get_args(Verdict)[:3]), max_size=60))
def test_what_was_decided_stays_decided_while_findings_flap(verdicts: list[Verdict]) -> None:
    loop = at_day(0)
    loop.evaluate(alarm("calibration", 0))
    for day, verdict in enumerate(verdicts, start=1):
        loop.go_to(day)
        again = loop.evaluate(finding("calibration", verdict, day))
        assert (again.action, again.episode) == ("retrain", FIRST)


# For any ledgers whatever, also such as no loop would write.

_NAMES = st.sampled_from(
    [
        "calibration-2013-06-01",
        "performance-2013-06-20",
        "code-c0de",
        "code-c0de-2",
        "challenger-3",
        "by hand",
    ]
)
_HOURS = st.integers(-60 * 24, 60 * 24)
_CAUSES = st.sampled_from(
    ["data_quality", "contract", "calibration", "performance", "prediction_drift", "labels"]
)
_UNSCORABLE = st.none() | st.builds(changed_to, st.sampled_from([None, "c0de", "other"]))
_WAITING = st.none() | st.builds(
    Waiting,
    version=st.integers(3, 4),
    there=st.integers(0, 2),
    needed=st.integers(1, 2),
    every=st.just("month"),
)
_FINDINGS = st.lists(
    st.builds(
        finding,
        cause=_CAUSES,
        verdict=st.sampled_from(get_args(Verdict)),
        day=st.integers(-60, 60),
        reason=st.sampled_from(["the numbers", "other numbers"]),
    ),
    max_size=8,
)
_POLICIES = st.builds(
    Policy,
    trigger=st.builds(
        TriggerSpec,
        drift=st.sampled_from([None, WindowRule(alarms=2, of=2)]),
        max_age_days=st.sampled_from([None, 30]),
    ),
    cooldown_days=st.integers(0, 40),
    budget=st.builds(BudgetSpec, retrains=st.integers(1, 3), days=st.integers(1, 100)),
    breaker=st.integers(1, 3),
    attempts=st.builds(AttemptSpec, limit=st.integers(1, 3)),
)


def _cause_of(name: str | None) -> str | None:
    """Return the cause that alone names its episodes so."""
    cause = str(name).partition("-")[0]
    return cause if cause in ("code", "challenger") else None


@st.composite
def _histories(draw: st.DrawFn) -> History:
    """Any records, no two of a kind at the same instant."""

    def moments() -> list[int]:
        return draw(st.lists(_HOURS, max_size=5, unique=True))

    decisions = [
        Decision(
            action=draw(st.sampled_from(get_args(Action))),
            cause=_cause_of(name) or draw(_CAUSES),
            reason="the reason",
            event_time=START + timedelta(hours=draw(_HOURS)),
            decided_at=START + timedelta(hours=hour),
            episode=name,
        )
        for hour in moments()
        for name in [draw(st.none() | _NAMES)]
    ]
    attempts = [
        Attempt(
            episode=draw(_NAMES),
            attempt=draw(st.integers(1, 4)),
            status=draw(st.sampled_from(get_args(Status))),
            started_at=START + timedelta(hours=hour),
        )
        for hour in moments()
    ]
    return History(
        decisions=decisions,
        attempts=attempts,
        outcomes=[
            Outcome(
                episode=draw(_NAMES),
                promoted=draw(st.booleans()),
                at=START + timedelta(hours=hour),
                waits=draw(st.booleans()),
            )
            for hour in moments()
        ],
        resets=[START + timedelta(hours=hour) for hour in moments()],
        champion_trained_at=draw(st.none() | _HOURS.map(lambda h: START + timedelta(hours=h))),
        unscorable=draw(_UNSCORABLE),
        waiting=draw(_WAITING),
    )


@given(findings=_FINDINGS, history=_histories(), policy=_POLICIES, hours=_HOURS)
def test_the_order_of_records_does_not_matter(
    findings: list[Finding], history: History, policy: Policy, hours: int
) -> None:
    now = START + timedelta(hours=hours)
    turned = replace(
        history,
        decisions=history.decisions[::-1],
        attempts=history.attempts[::-1],
        outcomes=history.outcomes[::-1],
        resets=history.resets[::-1],
    )
    decision = decide(findings, history, policy, now)
    assert decision == decide(findings[::-1], turned, policy, now)


@given(findings=_FINDINGS, history=_histories(), policy=_POLICIES, hours=_HOURS)
def test_a_new_episode_keeps_every_limit_whatever_the_ledgers_say(
    findings: list[Finding], history: History, policy: Policy, hours: int
) -> None:
    now = START + timedelta(hours=hours)
    decision = decide(findings, history, policy, now)
    assert decision.reason
    assert "\n" not in decision.reason
    assert decision.decided_at == now
    outdated = {"data_quality"} if history.unscorable else set()
    if any(one.verdict == "broken" and one.cause not in outdated for one in findings):
        assert (decision.action, decision.episode) == ("blocked", None)
    if decision.until is not None:
        assert decision.action == "hold"
        assert decision.until > now
    if not decision.asks:
        return
    assert not any(one.status in ("queued", "running") for one in history.attempts)
    opened: dict[str, datetime] = {}
    for one in sorted(history.decisions, key=lambda one: one.decided_at, reverse=True):
        if one.asks and one.episode is not None:
            opened[one.episode] = one.decided_at
    if decision.episode in opened or looks(decision, history.waiting):
        return
    trained = [one for one in history.attempts if one.status == "succeeded"]
    if decision.cause == "code":
        # Without cooldown, but once per code version.
        assert history.unscorable is not None
        code = f"code-{history.unscorable.untrained}"
        assert str(decision.episode).startswith(code)
        assert not any(one.episode in opened and one.episode.startswith(code) for one in trained)
    else:
        assert history.unscorable is None
        cooldown = timedelta(days=policy.cooldown_days)
        assert all(moment + cooldown <= now for moment in ends(history))
    since = now - timedelta(days=policy.budget.days)
    paid = [moment for name, moment in opened.items() if not name.startswith("challenger")]
    assert sum(moment > since for moment in paid) < policy.budget.retrains


def ends(history: History) -> list[datetime]:
    """Return when trainings succeeded and models went live."""
    succeeded = [one.last_seen for one in history.attempts if one.status == "succeeded"]
    return [*succeeded, *(one.at for one in history.outcomes if one.promoted)]


def looks(decision: Decision, waiting: Waiting | None) -> bool:
    """Whether the gate is to look at who waits, once there are rows; nothing is trained before."""
    if decision.action == "retrain":
        assert waiting is None
        return False
    assert waiting is not None
    assert waiting.ready
    assert str(decision.episode).startswith(f"challenger-{waiting.version}")
    return True
