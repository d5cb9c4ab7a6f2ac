from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from ml_assets.loop.policy import Policy, WindowRule, WindowSpec

DECLARED: TypeAdapter[Policy] = TypeAdapter(Policy)


def test_nothing_declared_is_the_default_policy() -> None:
    assert DECLARED.validate_python({}) == Policy()


def test_a_cause_is_switched_on_and_off_and_the_rest_stays() -> None:
    policy = DECLARED.validate_python(
        {
            "trigger": {
                "calibration": None,
                "drift": {"alarms": 3, "of": 4},
                "max_age_days": None,
            },
            "cooldown_days": 0,
            "budget": {"retrains": 12},
            "attempts": {"backoff_minutes": 5},
        }
    )
    assert policy.trigger.calibration is None
    assert policy.trigger.performance == WindowRule(alarms=2, of=3)
    assert policy.trigger.drift == WindowRule(alarms=3, of=4)
    assert policy.trigger.max_age_days is None
    assert (policy.budget.retrains, policy.budget.days) == (12, 365)
    assert (policy.attempts.limit, policy.attempts.backoff_minutes) == (3, 5)


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"cooldown": 3}, "Unexpected keyword argument"),
        ({"trigger": {"prediction_drift": {"alarms": 1, "of": 1}}}, "Unexpected keyword argument"),
        ({"trigger": {"performance": {"alarms": 4, "of": 3}}}, "4 alarms cannot be among the last"),
        ({"trigger": {"performance": {"alarms": 0, "of": 3}}}, "greater than or equal to 1"),
        ({"trigger": {"performance": {"alarms": 2}}}, "of\n  Field required"),
        ({"budget": {"retrains": 0}}, "greater than or equal to 1"),
        ({"breaker": 0}, "greater than or equal to 1"),
        ({"cooldown_days": -1}, "greater than or equal to 0"),
        ({"attempts": {"limit": 11}}, "less than or equal to 10"),
        ({"window": {"train": 1}}, "greater than or equal to 2"),
        ({"window": {"test": 0}}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(declared: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        DECLARED.validate_python(declared)


def test_the_cooldown_alone_would_spend_more_than_the_budget() -> None:
    policy = Policy()
    assert policy.budget.days // policy.cooldown_days == 13 > policy.budget.retrains


def test_the_breaker_opens_before_the_budget_is_used() -> None:
    assert Policy().breaker < Policy().budget.retrains


def test_a_challenger_holds_out_four_weeks_unless_declared_otherwise() -> None:
    window = Policy().window
    assert window.train is None
    assert [window.held_out(every) for every in ("day", "week", "month")] == [28, 4, 1]
    declared = DECLARED.validate_python({"window": {"train": 6, "test": 2}}).window
    assert declared == WindowSpec(train=6, test=2)
    assert declared.held_out("day") == 2
