"""A week in which nothing was late: it has no AUC, and the backtest goes on."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

import duckdb
import pytest

from ml_assets.backtest.page import render
from ml_assets.backtest.run import backtest
from ml_assets.backtest.table import markdown
from ml_assets_tests.backtest.world import write_parcels
from ml_assets_tests.sandbox import build_all, ignore_waiting

if TYPE_CHECKING:
    from ml_assets.backtest.compare import Comparison

pytestmark = pytest.mark.slow

QUIET, LAST = "2024-02-19", "2024-03-04"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Policies compared over weeks one of which has punctual parcels only."""
    box = write_parcels(tmp_path_factory.mktemp("quiet"))
    source = box.source("orders")
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        rows = con.sql(f"FROM read_csv('{source}')").to_arrow_table()
        con.register("orders", rows)
        quiet = f"ordered_at >= '{QUIET} 00:00:00+01' AND ordered_at < '2024-02-26 00:00:00+01'"
        con.execute(
            f"COPY (SELECT * REPLACE (late AND NOT ({quiet}) AS late) FROM orders)"
            f" TO '{source}' (HEADER)"
        )
    with contextlib.chdir(box.root), box.lake() as con:
        build_all(con, box.pipeline)
    names = ("weekly", "auc:1", "defs")
    return backtest(box.pipeline, box.settings, names, last=LAST, progress=ignore_waiting)


def test_its_auc_is_left_out_and_said_to_be(found: Comparison) -> None:
    assert found.unranked == (QUIET,)
    sentence = "AUC is undefined where all labels are of one class, and left out: 19 Feb 2024."
    assert sentence in markdown(found)
    assert sentence in render(found)
    assert all(0 < result.metrics["auc"] < 1 for result in found.results)


def test_its_loss_counts_like_any_other(found: Comparison) -> None:
    at = found.keys.index(QUIET)
    for result in found.results:
        assert len(result.losses) == len(found.keys)
        assert 0 < result.losses[at] < math.inf


def test_a_policy_that_watches_the_auc_says_why_it_holds(found: Comparison) -> None:
    (course,) = (one.course for one in found.results if one.course.policy.name == "auc:1")
    reasons = {event.tick.key: event.decision.reason for event in course.events}
    assert reasons[QUIET] == "AUC is undefined: all labels are of one class"


def test_a_training_that_such_a_week_does_not_allow_leaves_the_model(found: Comparison) -> None:
    (weekly,) = (one.course for one in found.results if one.course.policy.name == "weekly")
    (event,) = (event for event in weekly.events if event.tick.key == QUIET)
    assert event.retrained is not None
    assert event.retrained.live is None
    assert event.retrained.reason.startswith("The training fails. Only one class in the tuning")
