"""The decision to retrain, hold or block: a pure function of findings, history and policy.

The rules are asked in order and the first that has something to say decides. Event time (when the
evidence happened) and wall time (when it was acted upon) are never compared with each other.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ml_assets.loop.attempt import active, failed, succeeded
from ml_assets.loop.case import Case, unused
from ml_assets.loop.decision import CHALLENGER, CODE, Decision
from ml_assets.loop.triggers import Trigger, newest_evidence, triggers
from ml_assets.words import day, minute

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ml_assets.loop.episode import Episode
    from ml_assets.loop.history import History
    from ml_assets.loop.policy import Policy
    from ml_assets.loop.triggers import Finding

_OF_FEATURES = "data_quality"
"""Cause of findings about features, which are judged while there is a champion who reads them."""


def decide(
    findings: Sequence[Finding], history: History, policy: Policy, now: datetime
) -> Decision:
    """Return what to do at `now`, always with the reason; the order of findings is irrelevant."""
    case = Case(findings, history, policy, now)
    rules = (
        _nobody_live,
        _by_hand,
        _broken,
        _running,
        _breaker,
        _unfinished,
        _not_judged,
        _new_code,
    )
    for rule in rules:
        decision = rule(case)
        if decision is not None:
            return decision
    asked = triggers(findings, history, policy, now)
    due = next((one for one in asked if one.state == "due"), None)
    if due is None:
        return _nothing_due(case, asked)
    held = _nothing_new(case, due) or _cooldown(case, due) or _budget(case, due)
    return held or case.retrain(due)


def _nobody_live(case: Case) -> Decision | None:
    lost = case.history.lost_champion
    if lost is None:
        return None
    why = f"No version is live: version {lost} lost the alias champion in MLflow. Nothing is scored"
    return case.say("blocked", "champion", f"{why} until `ml-assets promote` says who is to be")


def _by_hand(case: Case) -> Decision | None:
    """Wait for a person where nobody scores and neither retraining nor the gate can help."""
    held, history = case.history.unscorable, case.history
    if held is None or history.code_to_train is not None or history.waiting is not None:
        return None
    return case.say("blocked", CODE, f"Nothing is scored. {held}")


def _broken(case: Case) -> Decision | None:
    """Block, but for what the champion's features lacked before code that may have mended them."""
    outdated = None if case.history.unscorable is None else _OF_FEATURES
    broken = [one for one in case.findings if one.verdict == "broken" and one.cause != outdated]
    if not broken:
        return None
    newest = max(broken, key=lambda one: (one.at, one.cause, one.window, one.reason))
    others = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
    reason = f"Broken data: {newest.cause} in {newest.window}: {newest.reason}{others}"
    return replace(case.say("blocked", newest.cause, reason), event_time=newest.at)


def _running(case: Case) -> Decision | None:
    """Hold while any run goes on; the open episode is named, for its next attempt if it fails."""
    run = active(case.history.attempts)
    if run is None:
        return None
    reason = f"{run.run_key} has been {run.status} since {minute(run.started_at)}"
    episode = case.history.open_episode(case.policy.attempts.limit)
    if episode is None:
        return case.say("hold", None, reason)
    return case.carry_on("hold", episode, reason)


def _breaker(case: Case) -> Decision | None:
    history, limit = case.history, case.policy.attempts.limit
    ends = [one.exhausted(limit) for one in history.episodes]
    given_up = [last for last in ends if last and history.since_reset(last.last_seen)]
    if given_up:
        last = max(given_up, key=lambda one: (one.last_seen, one.run_key))
        return case.say(
            "blocked",
            "breaker",
            f"{last.episode} is given up, its attempt {last.attempt} of {limit}"
            f" {last.ended_how} on {day(last.last_seen)}: find out why,"
            " then run `ml-assets resume`",
        )
    row = _unpromoted(history)
    if len(row) < case.policy.breaker:
        return None
    return case.say(
        "blocked",
        "breaker",
        f"{len(row)} retrains in a row were not promoted, the last {row[-1].name}:"
        " find out why, then run `ml-assets resume`",
    )


def _unpromoted(history: History) -> list[Episode]:
    """Return the newest episodes that trained without a promotion, as yet or for good.

    Left out are those whose model nobody could judge: nothing speaks against it.
    """
    row: list[Episode] = []
    for episode in history.episodes:
        trained = succeeded(episode.attempts) if episode.trains else None
        if episode.promoted:
            row = []
        elif trained and not episode.waits and history.since_reset(trained.last_seen):
            row.append(episode)
    return row


def _unfinished(case: Case) -> Decision | None:
    """Repeat a retraining that is decided and not done, so that no evaluation can lose it."""
    limit = case.policy.attempts.limit
    episode = case.history.open_episode(limit)
    if episode is None:
        return None
    last = failed(episode.attempts)
    if last is None:
        decided = day(episode.opened.decided_at)
        reason = f"{episode.name} was decided on {decided} and has not started yet"
    else:
        reason = (
            f"Attempt {last.attempt} of {limit} of {episode.name} {last.ended_how}"
            f" on {day(last.last_seen)} and the next one is to come"
        )
    return case.carry_on(episode.opened.action, episode, reason)


def _not_judged(case: Case) -> Decision | None:
    """Let the gate look again once there are rows; another challenger would wait for the same.

    Neither cooldown nor budget stands against it: nothing is trained. Where nothing is scored
    meanwhile a person has to know.
    """
    waiting, held = case.history.waiting, case.history.unscorable
    if waiting is None:
        return None
    told = f"{waiting}"[0].upper() + f"{waiting}"[1:]
    if waiting.ready:
        name = unused(f"{CHALLENGER}-{waiting.version}", case.history)
        return replace(case.say("judge", CHALLENGER, told), episode=name)
    if held is None:
        return case.say("hold", CHALLENGER, told)
    return case.say("blocked", CODE, f"Nothing is scored. {held.why} {told}. {held.by_hand}")


def _new_code(case: Case) -> Decision | None:
    """Train a version of today's code, without cooldown: nothing is scored, waiting helps nobody.

    Over budget a person has to know.
    """
    held, code = case.history.unscorable, case.history.code_to_train
    if held is None or code is None:
        return None
    due = Trigger(
        cause=CODE,
        state="due",
        note=f"nothing is scored. {held.why}",
        window=code,
        event_time=newest_evidence(case.findings),
    )
    over = _budget(case, due)
    if over is None:
        return case.retrain(due)
    return case.say("blocked", CODE, f"{over.reason} {held.by_hand}")


def _nothing_due(case: Case, asked: Sequence[Trigger]) -> Decision:
    notes = "; ".join(one.note for one in asked) or "no cause may retrain"
    lacking = [one for one in asked if one.state == "not enough data"]
    measured = [one for one in asked if one.cause != "calendar"]
    start = "Not enough data" if lacking and lacking == measured else "Nothing is due"
    return case.say("hold", None, f"{start}: {notes}")


def _nothing_new(case: Case, due: Trigger) -> Decision | None:
    """Hold while a challenger would be the champion again: it cannot win, but costs."""
    if not case.history.repeats:
        return None
    why = "A challenger would learn nothing new: what the champion has not seen is held out"
    held = case.say("hold", due.cause, f"{why} to judge it: {due.note}")
    return replace(held, event_time=due.event_time)


def _cooldown(case: Case, due: Trigger) -> Decision | None:
    """Count from the newest success, or from a model that went live though its run failed later."""
    last, days = case.history.last_success, case.policy.cooldown_days
    ends = [(last.last_seen, last.episode)] if last else []
    ends += [(one.at, one.episode) for one in case.history.outcomes if one.promoted]
    if not ends:
        return None
    ended, episode = max(ends)
    until = ended + timedelta(days=days)
    why = f"In cooldown until {day(until)}, {days} days after {episode} succeeded"
    return case.hold_until(due, until, why)


def _budget(case: Case, due: Trigger) -> Decision | None:
    """Count every episode that was to train: one that failed has used the machine as well."""
    budget = case.policy.budget
    opened = [one.opened.decided_at for one in case.history.episodes if one.trains]
    if len(opened) < budget.retrains:
        return None
    until = opened[-budget.retrains] + timedelta(days=budget.days)
    why = f"Budget of {budget.retrains} retrains in {budget.days} days used, next on {day(until)}"
    return case.hold_until(due, until, why)
