"""Which cause asks for a retraining, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from ml_assets.words import counted, day

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from ml_assets.loop.history import History
    from ml_assets.loop.policy import Policy, WindowRule

Verdict = Literal["ok", "alarm", "not enough data", "broken"]
State = Literal["due", "not due", "not enough data"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a monitor says now about one window; what was mended since is no finding any more."""

    cause: str
    """Of the monitors: "data_quality", "labels", "calibration", "performance", "drift", ..."""
    verdict: Verdict
    window: str
    """Partition key or day."""
    at: datetime
    """Event time: when the window ends."""
    reason: str
    """The numbers in words, without a full stop."""


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """What one cause says about retraining."""

    cause: str
    state: State
    note: str
    window: str = ""
    """What a new episode is named after: the window, for the calendar the day it was due."""
    event_time: datetime | None = None


def triggers(
    findings: Sequence[Finding], history: History, policy: Policy, now: datetime
) -> list[Trigger]:
    """Return what every cause that the policy lets retrain says, the first to ask first."""
    spec = policy.trigger
    rules = {
        "calibration": spec.calibration,
        "performance": spec.performance,
        "prediction_drift": spec.drift,
    }
    windows = [
        _windows(rule, cause, [one for one in findings if one.cause == cause], history)
        for cause, rule in rules.items()
        if rule is not None
    ]
    return [*windows, *_calendar(spec.max_age_days, findings, history, now)]


def newest_evidence(findings: Iterable[Finding]) -> datetime | None:
    """Return the event time of the newest window that could be judged."""
    return max((one.at for one in findings if one.verdict in ("ok", "alarm")), default=None)


def _windows(
    rule: WindowRule, cause: str, findings: Sequence[Finding], history: History
) -> Trigger:
    judged, answered = _judged(findings), history.answered_until
    if not judged:
        return Trigger(cause=cause, state="not enough data", note=_unjudged(cause, findings))
    fresh = [one for one in judged if answered is None or one.at > answered]
    if not fresh:
        note = f"{cause} has no window after {judged[-1].window}, which a retraining has answered"
        return Trigger(cause=cause, state="not due", note=note)
    last = fresh[-rule.of :]
    newest, alarms = last[-1], sum(one.verdict == "alarm" for one in last)
    due = newest.verdict == "alarm" and alarms >= rule.alarms
    return Trigger(
        cause=cause,
        state="due" if due else "not due",
        note=_counted(rule, last, alarms) + (f": {newest.reason}" if due else ""),
        window=newest.window,
        event_time=newest.at,
    )


def _judged(findings: Iterable[Finding]) -> list[Finding]:
    """Return one finding per window with a verdict, oldest first; an alarm wins over an ok."""
    by_window: dict[str, Finding] = {}
    for one in sorted(findings, key=lambda one: (one.verdict == "alarm", one.at, one.reason)):
        if one.verdict in ("ok", "alarm"):
            by_window[one.window] = one
    return sorted(by_window.values(), key=lambda one: (one.at, one.window))


def _unjudged(cause: str, findings: Sequence[Finding]) -> str:
    if not findings:
        return f"{cause} was not measured"
    newest = max(findings, key=lambda one: (one.at, one.window, one.reason))
    return f"{cause} in {newest.window}: {newest.reason}"


def _counted(rule: WindowRule, last: Sequence[Finding], alarms: int) -> str:
    newest = last[-1]
    if rule.of == 1:
        return f"{newest.cause} {newest.verdict} in {newest.window}"
    return (
        f"{newest.cause} {newest.verdict} in {newest.window}, {counted(alarms, 'alarm')} in the"
        f" last {counted(len(last), 'window')} with {rule.alarms} of {rule.of} asked for"
    )


def _calendar(
    allowed: int | None, findings: Sequence[Finding], history: History, now: datetime
) -> list[Trigger]:
    """Count from the newest training: a challenger that lost shows that age does no harm yet."""
    last = history.last_trained
    times = (history.champion_trained_at, None if last is None else last.last_seen)
    trained = [moment for moment in times if moment is not None]
    if allowed is None or not trained:
        return []
    since, due = max(trained), max(trained) + timedelta(days=allowed)
    age = f"the newest training of {day(since)} is {(now - since).days} days old"
    return [
        Trigger(
            cause="calendar",
            state="due" if now >= due else "not due",
            note=f"{age} with {allowed} allowed",
            window=day(due),
            event_time=newest_evidence(findings),
        )
    ]
