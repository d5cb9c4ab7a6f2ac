"""Labels that come late: none is trained on, measured by or monitored before it is known."""

from __future__ import annotations

import contextlib
import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets import clock
from ml_assets.assets.looks import PERFORMANCE
from ml_assets.ml.training_table import CLUSTER, column, labels
from ml_assets.monitors import binning
from ml_assets.monitors.days import SCORE, SUMS
from ml_assets.monitors.reference import Reference
from ml_assets.monitors.statistics import statistics
from ml_assets.tables import training
from ml_assets.tables.days import read_days
from ml_assets.tables.known_labels import known_at
from ml_assets.tables.monitored import count_window, due_days
from ml_assets.tables.scores import Scorer, score_window
from ml_assets.tables.views import views
from ml_assets_tests.automation.sandbox import ORDERS, SHOP
from ml_assets_tests.sandbox import build_all, copied, ignore_waiting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

    from ml_assets.ml.training_table import Floats
    from ml_assets_tests.sandbox import Sandbox

DELAYS = (0, 1, 30)
"""Days from the delivery of an order until somebody knows that it was late."""
TRAINED, SCORED = "2024-01", ["2024-02", "2024-03"]
FEATURES = ["region", "weight"]
CLOSED = 0.95 * 0.98
"""Share of the orders with a known label from which on a month may be judged: 2 % never arrive."""
BEGIN = datetime(2024, 1, 5, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
KNOWN_AT = "delivered_at AS known_at"


@dataclass(frozen=True)
class Truth:
    """What the source says of one order that was delivered."""

    month: str
    known_at: datetime
    late: float


@dataclass(frozen=True)
class World:
    """The built shop whose labels are known `delay` after delivery."""

    box: Sandbox
    delay: timedelta
    orders: Mapping[str, int]
    """Orders per month."""
    truth: Mapping[int, Truth]

    def known(self, now: datetime, month: str | None = None) -> dict[int, float]:
        """Return the labels that are known at `now`, by order."""
        return {
            number: one.late
            for number, one in self.truth.items()
            if one.known_at <= now and month in {None, one.month}
        }


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[int, World]:
    """The shop with every delay, its last two months scored; tests put back what they change."""
    return {days: make_world(tmp_path_factory.mktemp("shop"), days) for days in DELAYS}


def make_world(root: Path, days: int) -> World:
    box = copied(SHOP, root / "box")
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"COPY ({ORDERS}) TO '{box.source('orders')}' (HEADER)")
    box.replace("cleaned.deliveries", KNOWN_AT, f"delivered_at + INTERVAL {days} DAY AS known_at")
    delay, pipeline = timedelta(days=days), box.pipeline
    scorer = Scorer(1, FEATURES, frozenset({TRAINED}), scores)
    with contextlib.chdir(box.root), box.lake() as con:
        build_all(con, pipeline)
        for key in SCORED:
            window = pipeline.partitions.window(key)
            score_window(con, pipeline, scorer, window, run_id="a run", on_wait=ignore_waiting)
        orders = con.execute(
            "SELECT _partition, count(*) FROM shop.features.orders GROUP BY ALL"
        ).fetchall()
    return World(box, delay, dict(orders), read_truth(box, delay))


def read_truth(box: Sandbox, delay: timedelta) -> dict[int, Truth]:
    """Read the source as a person would, without the platform."""
    found = {}
    with box.source("orders").open(newline="") as lines:
        for row in csv.DictReader(lines):
            if row["delivered_at"]:
                local = datetime.fromisoformat(row["ordered_at"]).astimezone(BERLIN)
                known_at = datetime.fromisoformat(row["delivered_at"]) + delay
                late = float(row["late"] == "true")
                found[int(row["id"])] = Truth(f"{local:%Y-%m}", known_at, late)
    return found


def scores(rows: pa.Table) -> Floats:
    """Return probabilities that know something of the truth."""
    north = np.array(rows["region"].to_pylist()) == "north"
    found: Floats = np.where(north, 0.7, 0.15) + 0.01 * rows["weight"].to_numpy()
    return found


def reference(world: World) -> Reference:
    """Return the reference of the trained month."""
    with world.box.lake() as con:
        later = BEGIN + timedelta(days=365)
        table = training.read(con, world.box.pipeline, later, FEATURES, [TRAINED])
    score = scores(table)
    bins = {**binning.fit_bins(table, FEATURES), SCORE: binning.number_bins(score)}
    dates = column(table, CLUSTER).to_numpy()
    days = statistics("binary", dates, score, labels(table), table, bins)
    return Reference(days, bins, {"region": 0.8, "weight": 0.2})


def moments() -> st.SearchStrategy[tuple[int, int | None]]:
    """A moment of the half year: after so many minutes, or just when some order is known."""
    return st.tuples(st.integers(0, 150 * 24 * 60), st.none() | st.integers(1, 2000))


def at(world: World, moment: tuple[int, int | None]) -> datetime:
    minutes, order = moment
    if order is not None and order in world.truth:
        # On the very second, and just before it.
        return world.truth[order].known_at - timedelta(seconds=minutes % 2)
    return BEGIN + timedelta(minutes=minutes)


@pytest.mark.slow
@pytest.mark.parametrize("delay", DELAYS)
def test_training_sets_hold_just_the_labels_that_are_known(
    worlds: dict[int, World], delay: int
) -> None:
    world, immediate = worlds[delay], worlds[0]
    pipeline = world.box.pipeline

    @settings(max_examples=30)
    @given(moments())
    def holds(moment: tuple[int, int | None]) -> None:
        now = at(world, moment)
        known = world.known(now)
        table = training.read(con, pipeline, now, FEATURES)
        got = dict(zip(table["id"].to_pylist(), table["_label"].to_pylist(), strict=True))
        assert got == known
        # It shrinks by just what a world that knows at once learns in the time of the delay.
        assert known == immediate.known(now - world.delay)
        assert known.keys() <= immediate.known(now).keys()
        assert known_at(con, pipeline, now).counts == {
            month: n for month in world.orders if (n := len(world.known(now, month)))
        }
        if known:
            told = training.summarise(con, pipeline, now)
            assert told.rows == len(known)
            assert told.immature == len(world.truth) - len(known)
            assert told.without_label == sum(world.orders.values()) - len(world.truth)

    with world.box.lake() as con:
        holds()


@pytest.mark.slow
@pytest.mark.parametrize("delay", DELAYS)
def test_what_is_counted_and_monitored_rests_on_known_labels_and_shows_its_coverage(
    worlds: dict[int, World], delay: int
) -> None:
    world = worlds[delay]
    pipeline, usual = world.box.pipeline, reference(world)

    @settings(max_examples=12)
    @given(moments())
    def holds(moment: tuple[int, int | None]) -> None:
        now = at(world, moment)
        count(con, world, usual, now)
        days = read_days(con, pipeline, 1)
        known = {key: world.known(now, key) for key in SCORED}
        assert days.labelled.sum() == sum(len(found) for found in known.values())
        assert days.labelled_label.sum() == sum(sum(found.values()) for found in known.values())
        assert days.rows.sum() == sum(world.orders[key] for key in SCORED)
        for key in SCORED:
            seen = views(con, pipeline, lambda _: usual)(key, None)
            assert seen is not None
            assert seen.window.labelled.sum() == len(known[key])
            found = {one.cause: one for one in PERFORMANCE.look(pipeline, seen)}
            coverage = len(known[key]) / world.orders[key]
            assert found["performance"].details["coverage"] == pytest.approx(coverage)
            if coverage < CLOSED:
                assert found["performance"].verdict == "not enough data"
                assert found["observed_expected"].verdict == "not enough data"

    with world.box.lake() as con:
        holds()


@pytest.mark.slow
@pytest.mark.parametrize("cause", ["performance", "observed_expected"])
def test_a_window_that_waits_for_labels_is_not_judged(worlds: dict[int, World], cause: str) -> None:
    world = worlds[30]
    # A day before: 91 % of February's labels are known.
    now = world.truth[1401].known_at - timedelta(days=1)
    usual = reference(world)
    with world.box.lake() as con:
        count(con, world, usual, now)
        seen = views(con, world.box.pipeline, lambda _: usual)(SCORED[0], None)
        assert seen is not None
        found = {one.cause: one for one in PERFORMANCE.look(world.box.pipeline, seen)}
    assert found[cause].verdict == "not enough data"


@pytest.mark.slow
@pytest.mark.parametrize("delay", DELAYS)
def test_other_outcomes_that_nobody_knows_yet_change_nothing(
    worlds: dict[int, World], delay: int
) -> None:
    world = worlds[delay]
    usual = reference(world)

    @settings(max_examples=6)
    @given(moments())
    def holds(moment: tuple[int, int | None]) -> None:
        now = at(world, moment)
        before = everything(con, world, usual, now)
        turn = f"UPDATE shop.cleaned.deliveries SET late = NOT late WHERE known_at > '{now}'"
        con.execute(turn)
        try:
            assert everything(con, world, usual, now) == before
        finally:
            con.execute(turn)

    with world.box.lake() as con:
        holds()


@pytest.mark.slow
@pytest.mark.parametrize("delay", DELAYS)
def test_a_month_is_counted_again_when_more_of_its_labels_are_known(
    worlds: dict[int, World], delay: int
) -> None:
    world = worlds[delay]
    pipeline, usual = world.box.pipeline, reference(world)

    @settings(max_examples=6)
    @given(moments(), st.sampled_from([0, 1, 60, 24 * 60, 40 * 24 * 60]))
    def holds(moment: tuple[int, int | None], pause: int) -> None:
        now = at(world, moment)
        later = now + timedelta(minutes=pause)
        count(con, world, usual, now)
        assert due_days(con, pipeline, known_at(con, pipeline, now), SCORED) == []
        grown = [key for key in SCORED if world.known(now, key) != world.known(later, key)]
        assert due_days(con, pipeline, known_at(con, pipeline, later), SCORED) == grown

    with world.box.lake() as con:
        holds()


@pytest.mark.slow
def test_labels_that_wait_for_their_slice_are_missing_and_it_is_said_until_when(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels known a day after delivery, in slices that look ahead 40 days."""
    world = make_world(tmp_path, 1)
    usual = reference(world)
    world.box.declare(
        lambda declared: declared["cleaned"]["deliveries"].update(lookahead="40 days")
    )
    world.box.declare(lambda declared: declared["partitions"].update(end=None))
    told = {}
    with world.box.lake() as con:
        for moment in ("2024-04-20", "2024-05-02"):
            monkeypatch.setenv(clock.NOW, f"{moment}T12:00:00+00:00")
            count(con, world, usual, clock.now())
            for key in SCORED:
                seen = views(con, world.box.pipeline, lambda _: usual)(key, None)
                assert seen is not None
                for one in PERFORMANCE.look(world.box.pipeline, seen):
                    told[moment, key, one.cause] = one.reason
    february, march = (f"{world.orders[key]:,}" for key in SCORED)
    early = told["2024-04-20", "2024-02", "performance"]
    assert f"{february} of {february} labels are missing" in early
    assert early.endswith(
        "cleaned.deliveries 2024-02 looks ahead and can be built from 2024-05-01 on"
    )
    assert told["2024-04-20", "2024-02", "observed_expected"].endswith(" from 2024-05-01 on")
    # What is added up over months waits for the first of them.
    for key in SCORED:
        assert told["2024-04-20", key, "calibration"].endswith(
            "2024-02 looks ahead and can be built from 2024-05-01 on"
        )
    # A month later February is there, and March is waited for.
    assert "looks ahead" not in told["2024-05-02", "2024-02", "performance"]
    late = told["2024-05-02", "2024-03", "performance"]
    assert f"{march} of {march} labels are missing" in late
    assert late.endswith("2024-03 looks ahead and can be built from 2024-06-01 on")


def count(con: duckdb.DuckDBPyConnection, world: World, usual: Reference, now: datetime) -> None:
    """Count the scored months with what is known at `now`."""
    pipeline = world.box.pipeline
    known = known_at(con, pipeline, now)
    window = pipeline.partitions.window(*SCORED)
    count_window(con, pipeline, (1, usual), known, window, run_id="a run", on_wait=ignore_waiting)


def everything(
    con: duckdb.DuckDBPyConnection, world: World, usual: Reference, now: datetime
) -> list[object]:
    """Return the training set, the statistics and the findings of `now`."""
    pipeline = world.box.pipeline
    found: list[object] = [training.read(con, pipeline, now, FEATURES).to_pylist()]
    count(con, world, usual, now)
    days = read_days(con, pipeline, 1)
    found += [getattr(days, name).tolist() for name in ("dates", *SUMS)]
    for key in SCORED:
        seen = views(con, pipeline, lambda _: usual)(key, None)
        assert seen is not None
        found.append([*PERFORMANCE.look(pipeline, seen)])
    return found
