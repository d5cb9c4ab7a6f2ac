"""The registry of policies, and what the simple ones decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ml_assets.backtest.policies import policies
from ml_assets.errors import DeclarationError
from ml_assets_tests.sandbox import copied, example

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.tables.pipeline import Pipeline
    from ml_assets_tests.backtest.conftest import Told
    from ml_assets_tests.sandbox import Sandbox


@pytest.fixture(scope="module")
def weekly(parcels: Sandbox) -> Pipeline:
    """A pipeline of weeks."""
    return parcels.pipeline


def names(given: list[str], pipeline: Pipeline) -> list[str]:
    return [policy.name for policy in policies(given, pipeline)]


DECLARED = ("defs-without-gate", "defs-without-refit", "defs")


def test_the_ends_of_the_scale_are_always_there(weekly: Pipeline, tmp_path: Path) -> None:
    assert names(["defs"], weekly) == ["never", "weekly", "defs"]
    assert names(["weekly", "never", "defs", "defs"], weekly) == ["never", "weekly", "defs"]
    monthly = copied(example("flights"), tmp_path).pipeline
    assert names(["defs"], monthly) == ["never", "monthly", "defs"]


def test_without_a_name_all_are_compared(weekly: Pipeline) -> None:
    assert names([], weekly) == [
        *("never", "weekly", "every:3", "auc:.02", "psi:.1", "calibration"),
        *("defs-without-gate", "defs-without-refit", "defs"),
    ]


def test_only_the_declared_policy_has_a_gate_with_or_without_a_refit(weekly: Pipeline) -> None:
    gated = {one.name: one.refits for one in policies([], weekly) if one.gated}
    assert gated == {"defs-without-refit": False, "defs": True}


def test_numbers_are_the_users_own(weekly: Pipeline) -> None:
    *_, every, auc = policies(["every:2", "auc:.05"], weekly)
    assert every.description == "after every 2 partitions, no gate"
    assert auc.description == "when the AUC is more than 0.05 below the reference, no gate"
    assert policies(["psi"], weekly)[-1].description == (
        "when the PSI of the scores is above 0.1, no gate"
    )


@pytest.mark.parametrize(
    "name",
    ["monthly", "often", "auc:much", "psi:-1", "every:1.5", "every:0", "defs:3", "psi:inf", ""],
)
def test_an_unknown_policy_is_told_the_known_ones(name: str, weekly: Pipeline) -> None:
    with pytest.raises(DeclarationError, match=f"no policy '{name}'") as caught:
        policies([name], weekly)
    for known in ("never", "weekly", "every:3", "auc:0.02", "defs-without-gate"):
        assert known in str(caught.value)


def test_auc_is_not_for_regression(parcels: Sandbox, tmp_path: Path) -> None:
    def regress(declared: dict[str, Any]) -> None:
        declared["model"]["problem"] = "regression"

    box = parcels.copy(tmp_path / "box")
    box.declare(regress)
    assert "auc:.02" not in names([], box.pipeline)
    with pytest.raises(DeclarationError, match="auc needs probabilities"):
        policies(["auc:.1"], box.pipeline)


def retrained(compared: Told, name: str) -> list[str]:
    course = next(one.course for one in compared.found.results if one.course.policy.name == name)
    return [event.tick.key for event in course.events if event.retrained]


def test_the_calendar_policies_count_closed_partitions(compared: Told) -> None:
    every = retrained(compared, "weekly")
    assert retrained(compared, "never") == []
    assert retrained(compared, "every:3") == every[2::3]
    assert every == [event.tick.key for event in compared.found.results[0].course.events]


@pytest.mark.parametrize("name", ["auc:.02", "psi:.1", "calibration", *DECLARED])
def test_a_changed_world_is_noticed(name: str, compared: Told) -> None:
    from ml_assets_tests.backtest.world import CHANGED

    assert any(key >= CHANGED for key in retrained(compared, name))


def test_every_decision_has_a_reason(compared: Told) -> None:
    for result in compared.found.results:
        for event in result.course.events:
            assert event.decision.reason
            assert event.decision.decided_at == event.tick.moment
            assert (event.retrained is not None) == (event.decision.action == "retrain")
