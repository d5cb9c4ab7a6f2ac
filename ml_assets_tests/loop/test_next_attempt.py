from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.loop.attempt import Attempt, Status
from ml_assets.loop.decision import Action, Decision
from ml_assets.loop.next_attempt import Launch, Wait, next_attempt
from ml_assets.loop.policy import AttemptSpec, Policy
from ml_assets_tests.loop.ledgers import START

POLICY = Policy()
EPISODE = "calibration-2013-06-14"


def decided(action: Action = "retrain", episode: str | None = EPISODE, day: float = 0) -> Decision:
    moment = START + timedelta(days=day)
    return Decision(
        action=action,
        cause="calibration",
        reason="Calibration alarm in 2013-06-14: the numbers",
        event_time=moment,
        decided_at=moment,
        episode=episode,
    )


def run(
    attempt: int,
    status: Status,
    minutes: float = 0,
    episode: str = EPISODE,
    ends: float | None = None,
) -> Attempt:
    """Return a run created some minutes after START; it ends at once unless it goes on."""
    at = START + timedelta(minutes=minutes)
    over = at if ends is None else START + timedelta(minutes=ends)
    return Attempt(
        episode=episode,
        attempt=attempt,
        status=status,
        started_at=at,
        ended_at=None if status in ("queued", "running") else over,
    )


def asked(
    *attempts: Attempt,
    minutes: float = 0,
    decision: Decision | None = None,
    policy: Policy = POLICY,
) -> Launch | Wait:
    now = START + timedelta(minutes=minutes)
    return next_attempt(decision or decided(), attempts, policy, now)


def test_the_first_attempt_is_launched_at_once() -> None:
    assert asked() == Launch(
        run_key="calibration-2013-06-14/1",
        episode=EPISODE,
        attempt=1,
        reason="Attempt 1 of 3 of calibration-2013-06-14:"
        " Calibration alarm in 2013-06-14: the numbers",
    )


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_run_that_goes_on_is_waited_for(status: Status) -> None:
    assert asked(run(1, status, minutes=5), minutes=60) == Wait(
        reason=f"calibration-2013-06-14/1 has been {status} since 2013-06-01 00:05 UTC"
    )


@pytest.mark.parametrize("status", ["queued", "running"])
def test_so_is_a_run_of_another_episode(status: Status) -> None:
    told = asked(run(1, status, minutes=-60, episode="performance-2013-05"), minutes=60)
    assert told == Wait(
        reason=f"performance-2013-05/1 has been {status} since 2013-05-31 23:00 UTC"
    )


def test_what_succeeded_is_done() -> None:
    told = asked(run(1, "failed"), run(2, "succeeded", 20), minutes=600)
    assert told == Wait(reason="calibration-2013-06-14/2 succeeded on 2013-06-01")


@pytest.mark.parametrize(
    ("status", "words"), [("failed", "failed"), ("cancelled", "was cancelled")]
)
def test_what_did_not_is_tried_again_after_the_back_off(status: Status, words: str) -> None:
    failure = run(1, status, minutes=10)
    assert asked(failure, minutes=24) == Wait(
        reason="calibration-2013-06-14 waits until 2013-06-01 00:25 UTC:"
        f" attempt 1 {words} on 2013-06-01 00:10 UTC",
        until=START + timedelta(minutes=25),
    )
    assert asked(failure, minutes=25) == Launch(
        run_key="calibration-2013-06-14/2",
        episode=EPISODE,
        attempt=2,
        reason="Attempt 2 of 3 of calibration-2013-06-14:"
        f" attempt 1 {words} on 2013-06-01 00:10 UTC",
    )


def test_the_back_off_doubles_and_counts_from_the_end_of_the_run() -> None:
    policy = Policy(attempts=AttemptSpec(limit=5, backoff_minutes=10))
    over = [run(n, "failed", minutes=n, ends=100 * n) for n in range(1, 5)]
    for attempt, minutes in ((1, 10), (2, 20), (3, 40), (4, 80)):
        told = asked(*over[:attempt], minutes=100 * attempt, policy=policy)
        assert isinstance(told, Wait)
        assert told.until == over[attempt - 1].last_seen + timedelta(minutes=minutes)


def test_after_the_last_attempt_nothing_follows() -> None:
    over = [run(n, "failed", minutes=n) for n in (1, 2, 3)]
    assert asked(*over, minutes=1e6) == Wait(
        reason="calibration-2013-06-14 is given up:"
        " attempt 3 failed on 2013-06-01 00:03 UTC, the last one allowed"
    )


def test_a_run_that_was_started_again_by_hand_counts_under_its_own_number() -> None:
    again = run(1, "failed", minutes=10), run(1, "failed", minutes=40)
    assert asked(*again, minutes=54) == Wait(
        reason="calibration-2013-06-14 waits until 2013-06-01 00:55 UTC:"
        " attempt 1 failed on 2013-06-01 00:40 UTC",
        until=START + timedelta(minutes=55),
    )
    told = asked(run(3, "failed"), run(3, "succeeded", 40), minutes=1e6)
    assert told == Wait(reason="calibration-2013-06-14/3 succeeded on 2013-06-01")


def test_an_older_attempt_that_was_started_again_by_hand_is_not_the_newest() -> None:
    told = asked(run(2, "failed", 20), run(1, "failed", 90), minutes=1e6)
    assert isinstance(told, Launch)
    assert told.run_key == "calibration-2013-06-14/3"


def test_a_run_whose_record_was_deleted_is_not_numbered_again() -> None:
    told = asked(run(2, "failed"), minutes=1e4)
    assert isinstance(told, Launch)
    assert told.run_key == "calibration-2013-06-14/3"


def test_a_run_without_an_end_counts_from_its_creation() -> None:
    lost = Attempt(episode=EPISODE, attempt=1, status="failed", started_at=START)
    told = asked(lost, minutes=1)
    assert isinstance(told, Wait)
    assert told.until == START + timedelta(minutes=15)


def test_holding_because_its_run_goes_on_still_means_the_next_attempt_when_it_fails() -> None:
    told = asked(run(1, "failed", minutes=10), minutes=30, decision=decided("hold"))
    assert isinstance(told, Launch)
    assert told.attempt == 2


@pytest.mark.parametrize(
    "decision", [decided("blocked"), decided("hold", None), decided("retrain", None)]
)
def test_without_an_episode_to_go_on_with_the_decision_speaks(decision: Decision) -> None:
    assert asked(run(1, "failed"), minutes=1e6, decision=decision) == Wait(reason=decision.reason)


def test_a_decision_from_before_another_episode_is_not_carried_out() -> None:
    later = run(1, "failed", minutes=-60, episode="performance-2013-07", ends=90)
    assert asked(later, minutes=1e6) == Wait(
        reason="calibration-2013-06-14 was decided on 2013-06-01 00:00 UTC,"
        " before performance-2013-07/1 ended"
    )
    anew = asked(later, minutes=1e6, decision=decided(day=1))
    assert isinstance(anew, Launch)


_STATUS: st.SearchStrategy[Status] = st.sampled_from(
    ["failed", "failed", "failed", "cancelled", "cancelled", "queued", "running", "succeeded"]
)
_RUNS = st.lists(
    st.builds(
        run,
        attempt=st.integers(1, 5),
        status=_STATUS,
        minutes=st.floats(-1e4, 1e3),
        episode=st.sampled_from([EPISODE, "performance-2013-06"]),
    ),
    max_size=8,
)


@given(attempts=_RUNS, minutes=st.floats(-1e4, 1e5), limit=st.integers(1, 5))
def test_whatever_was_run_a_launch_is_new_alone_and_within_the_limit(
    attempts: list[Attempt], minutes: float, limit: int
) -> None:
    policy = Policy(attempts=AttemptSpec(limit=limit))
    told = asked(*attempts, minutes=minutes, policy=policy)
    assert told == asked(*reversed(attempts), minutes=minutes, policy=policy)
    if isinstance(told, Launch):
        own = [one for one in attempts if one.episode == EPISODE]
        assert not any(one.status in ("queued", "running") for one in attempts)
        assert not any(one.status == "succeeded" for one in own)
        assert told.run_key not in {one.run_key for one in attempts}
        assert told.attempt == 1 + max((one.attempt for one in own), default=0) <= limit
    elif told.until is not None:
        assert told.until > START + timedelta(minutes=minutes)
        assert isinstance(next_attempt(decided(), attempts, policy, told.until), Launch)
