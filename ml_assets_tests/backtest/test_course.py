"""A policy lived through: nothing is live before it could be, and the declared rules hold."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from ml_assets.tables.challenger import closed_partitions
from ml_assets_tests.backtest.world import FIRST

if TYPE_CHECKING:
    from ml_assets.backtest.course import Course
    from ml_assets.backtest.past import Past
    from ml_assets_tests.backtest.conftest import Told


@pytest.fixture(scope="module")
def courses(compared: Told) -> dict[str, Course]:
    """The course of each policy."""
    return {one.course.policy.name: one.course for one in compared.found.results}


def test_a_model_is_live_only_after_it_could_be_trained(
    courses: dict[str, Course], past: Past
) -> None:
    window = past.pipeline.partitions.window
    for course in courses.values():
        for key, model in course.live.items():
            assert model.as_of <= window(key).start
            assert set(model.keys) <= set(past.over(model.as_of))


def test_a_model_goes_live_with_the_next_partition_that_begins(
    courses: dict[str, Course], past: Past
) -> None:
    window, course = past.pipeline.partitions.window, courses["weekly"]
    for key, model in course.live.items():
        heard = [one for one in course.events if one.tick.moment <= window(key).start]
        assert model.as_of == (heard[-1].tick.moment if heard else window(FIRST).start)


def test_all_begin_with_the_same_model_and_never_keeps_it(courses: dict[str, Course]) -> None:
    first = courses["never"].live[FIRST]
    assert {model.name for model in courses["never"].live.values()} == {first.name}
    assert {course.live[FIRST].name for course in courses.values()} == {first.name}


def test_cost_counts_models_after_the_first(courses: dict[str, Course]) -> None:
    assert courses["never"].trained == []
    weekly = courses["weekly"]
    assert weekly.retrains == weekly.promotions == len(weekly.trained) == len(weekly.events)
    defs = courses["defs"]
    assert defs.promotions < defs.retrains
    # A challenger each, and a refit of what passed.
    assert len(defs.trained) == defs.retrains + defs.promotions


@pytest.mark.parametrize("name", ["defs", "defs-without-refit", "defs-without-gate"])
def test_the_declared_policy_keeps_its_rules(
    name: str, courses: dict[str, Course], past: Past
) -> None:
    declared, course = past.pipeline.declaration.retraining, courses[name]
    times = [event.decision.decided_at for event in course.events if event.retrained]
    assert 1 < len(times) <= declared.budget.retrains
    for before, after in pairwise(times):
        assert after - before >= timedelta(days=declared.cooldown_days)
    episodes = [event.decision.episode for event in course.events if event.retrained]
    assert len(set(episodes)) == len(episodes)


def test_without_a_gate_all_goes_live(courses: dict[str, Course]) -> None:
    assert courses["defs-without-gate"].promotions == courses["defs-without-gate"].retrains


def test_without_a_refit_the_challenger_itself_goes_live(courses: dict[str, Course]) -> None:
    course = courses["defs-without-refit"]
    assert 0 < course.promotions < course.retrains == len(course.trained)
    for event in course.events:
        if event.retrained and event.retrained.live:
            assert event.retrained.made == (event.retrained.live,)


def test_what_an_earlier_model_scored_is_no_evidence(courses: dict[str, Course]) -> None:
    events = courses["defs-without-gate"].events
    after = [then for before, then in pairwise(events) if before.retrained]
    assert after
    for event in after:
        assert event.decision.action == "hold"
        assert "calibration was not measured" in event.decision.reason


def test_the_challenger_holds_out_what_the_gate_looks_at(
    courses: dict[str, Course], past: Past
) -> None:
    live = courses["defs"].live[FIRST]
    for event in courses["defs"].events:
        if event.retrained is None:
            continue
        challenger, *refit = event.retrained.made
        over = past.over(event.tick.moment)
        known = past.known_facts(over, event.tick.moment)
        closed = closed_partitions(past.pipeline, known, event.tick.moment)
        held = [key for key in closed if key not in {*live.keys, *challenger.keys}]
        assert held
        assert max(challenger.keys) < min(held)
        if refit:
            assert list(refit[0].keys) == closed
            assert refit[0].parameters == challenger.parameters
        live = event.retrained.live or live
