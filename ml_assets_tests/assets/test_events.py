"""What assets left in the event log, read back as plain values."""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - Dagster resolves annotations
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.assets.events import latest, latest_check

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished

KEY = dg.AssetKey(["flights", "features", "weather"])


def test_the_newest_materialization_counts() -> None:
    key = dg.AssetKey("a")
    with dg.DagsterInstance.ephemeral() as instance:
        assert latest(instance, key) is None
        for number in (1, 2):
            event = dg.AssetMaterialization(key, metadata={"n": number, "x": 0.5, "t": "text"})
            instance.report_runless_asset_event(event)
        assert latest(instance, key) == {"n": 2, "x": 0.5, "t": "text"}


def test_the_newest_check_counts() -> None:
    key = dg.AssetCheckKey(dg.AssetKey("a"), "c")
    with dg.DagsterInstance.ephemeral() as instance:
        assert latest_check(instance, key) is None
        for passed in (True, False):
            event = dg.AssetCheckEvaluation(
                asset_key=key.asset_key, check_name="c", passed=passed, metadata={"n": 1}
            )
            instance.report_runless_asset_event(event)
        found = latest_check(instance, key)
    assert found is not None
    assert (found.passed, found.values) == (False, {"n": 1})


def test_a_check_that_ran_is_found(finished: Finished) -> None:
    with finished.instance() as instance:
        found = latest_check(instance, dg.AssetCheckKey(KEY, "time_travel"))
        never = latest_check(instance, dg.AssetCheckKey(KEY, "none"))
    assert never is None
    assert found is not None
    assert found.passed
    assert found.values["rows_compared"] > 1000


def test_a_check_that_a_killed_run_only_planned_does_not_count() -> None:
    key = dg.AssetCheckKey(dg.AssetKey("a"), "c")

    @dg.asset(check_specs=[dg.AssetCheckSpec("c", asset="a")])
    def a(context) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:  # type: ignore[no-untyped-def]  # noqa: ANN001
        if "dies" in context.run.tags:
            raise dg.Failure("as if killed", allow_retries=False)
        yield dg.AssetCheckResult(passed=True)
        yield dg.MaterializeResult()

    with dg.DagsterInstance.ephemeral() as instance:
        dies = {"dies": "yes"}
        dg.materialize([a], instance=instance, tags=dies, raise_on_error=False)
        assert latest_check(instance, key) is None
        dg.materialize([a], instance=instance)
        dg.materialize([a], instance=instance, tags=dies, raise_on_error=False)
        found = latest_check(instance, key)
    assert found is not None
    assert found.passed
