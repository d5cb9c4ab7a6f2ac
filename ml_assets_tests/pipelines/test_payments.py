"""The stream is the published one, and its features are what the words in defs.yaml say."""

from __future__ import annotations

import shutil
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.functions import load_function
from ml_assets.tables.plan import Stored
from ml_assets.tables.time_travel import travel
from ml_assets.warehouse import ledger
from ml_assets_tests.payments import write_payments
from ml_assets_tests.sandbox import RUN, build, build_all, contents, example, planned, refresh

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets_tests.sandbox import Sandbox

START = datetime(2018, 4, 1, tzinfo=UTC)
TINY = {"customers": 30, "terminals": 60, "days": 50}
PAYMENTS = example("payments")
MADE = load_function(PAYMENTS, "payments.py:transactions")
METRIC = load_function(PAYMENTS, "payments.py:card_precision")
COST = load_function(PAYMENTS, "payments.py:cost_per_payment")
WINDOWS = (1, 7, 30)
DELAY = np.timedelta64(7, "D")
LOOKBACK = {"payment": 0, "customer": 30, "terminal": 37}
"""Days before its own that a slice of features reads."""
EVERY = 7
"""Of so many payments one is counted by hand."""


def stream(first: float = 0, last: float = 183, seed: int = 0, **options: Any) -> pa.Table:  # noqa: ANN401
    """Return the transactions from day `first` until day `last`."""
    start, end = START + timedelta(days=first), START + timedelta(days=last)
    made: pa.Table = MADE.call(start=start, end=end, seed=seed, **options)
    return made


def arrays(table: pa.Table) -> dict[str, np.ndarray[Any, Any]]:
    return {name: table[name].to_numpy() for name in table.column_names}


def only(
    rows: dict[str, np.ndarray[Any, Any]], kept: np.ndarray[Any, Any]
) -> dict[str, np.ndarray[Any, Any]]:
    return {name: values[kept] for name, values in rows.items()}


@pytest.fixture(scope="module")
def published() -> dict[str, np.ndarray[Any, Any]]:
    """All columns of the whole stream."""
    return arrays(stream())


def test_the_stream_has_the_published_size_and_share_of_fraud(
    published: dict[str, np.ndarray[Any, Any]],
) -> None:
    """The handbook's own draw: 1,754,155 rows, 973, 9,077 and 4,631 frauds of the scenarios."""
    rows = len(published["amount"])
    assert rows == pytest.approx(1_754_155, rel=0.04)
    counts = np.bincount(published["scenario"])
    assert counts[1] == pytest.approx(973, rel=0.15)
    assert counts[2:] == pytest.approx([9_077, 4_631], rel=0.1)
    assert published["fraud"].mean() == pytest.approx(14_681 / 1_754_155, abs=0.0004)
    assert (published["fraud"] == (published["scenario"] > 0)).all()


def test_amounts_and_times_are_as_specified(published: dict[str, np.ndarray[Any, Any]]) -> None:
    genuine = published["scenario"] == 0
    amount, customer = published["amount"], published["customer_id"]
    assert (amount >= 0).all()
    assert amount[genuine].max() <= 220
    assert amount[published["scenario"] == 1].min() > 220
    count = np.bincount(customer[genuine])
    mean = np.bincount(customer[genuine], amount[genuine]) / np.maximum(count, 1)
    # Uniform from 5 to 100, of a normal redrawn below zero, which leaves the mean a little higher.
    assert mean[count > 50].min() > 4
    assert np.median(mean[count > 50]) == pytest.approx(53.4, abs=2)
    rate = count / 183
    assert rate.max() < 4.2
    assert rate.mean() == pytest.approx(2 * 0.969, rel=0.03)
    seconds = (published["time"] - published["time"].astype("datetime64[D]")) / np.timedelta64(
        1, "s"
    )
    assert seconds.min() >= 1
    assert seconds.mean() == pytest.approx(43_200, abs=100)
    # A normal cut off at 2.16 standard deviations on both sides has .910 of its deviation.
    assert seconds.std() == pytest.approx(20_000 * 0.910, rel=0.01)


def test_customers_pay_within_their_radius(published: dict[str, np.ndarray[Any, Any]]) -> None:
    """A circle of radius 5 on a grid of 100 by 100 holds 78 of 10,000 terminals, fewer at edges."""
    pairs = np.unique(published["customer_id"].astype(np.int64) * 10_000 + published["terminal_id"])
    terminals = np.bincount(pairs // 10_000)
    assert terminals.max() < 130
    assert np.median(terminals[terminals > 0]) == pytest.approx(76, abs=5)


def test_a_compromised_terminal_cheats_everybody_for_four_weeks(
    published: dict[str, np.ndarray[Any, Any]],
) -> None:
    cheating = np.unique(published["terminal_id"][published["scenario"] == 2])[:100]
    published = only(published, np.isin(published["terminal_id"], cheating))
    terminal = published["terminal_id"]
    day = (published["time"] - np.datetime64("2018-04-01")) // np.timedelta64(1, "D")
    found = 0
    for number in cheating:
        own = terminal == number
        days = day[own & (published["scenario"] == 2)]
        if days.max() - days.min() < 28:
            found += 1
            inside = own & (day >= days.min()) & (day <= days.max())
            assert published["fraud"][inside].all()
    assert found > 80


def test_a_stolen_card_is_used_for_two_weeks_in_a_third_of_payments(
    published: dict[str, np.ndarray[Any, Any]],
) -> None:
    victims = np.unique(published["customer_id"][published["scenario"] == 3])[:400]
    published = only(published, np.isin(published["customer_id"], victims))
    customer = published["customer_id"]
    day = (published["time"] - np.datetime64("2018-04-01")) // np.timedelta64(1, "D")
    stolen = published["scenario"] == 3
    shares = []
    for number in victims:
        days = day[stolen & (customer == number)]
        if days.max() - days.min() in range(7, 14):
            inside = (customer == number) & (day > days.min()) & (day < days.max())
            shares.append((stolen[inside].sum(), inside.sum()))
    hits, payments = np.sum(shares, axis=0)
    assert len(shares) > 50
    assert hits / payments == pytest.approx(1 / 3, abs=0.08)


@pytest.mark.slow
@settings(max_examples=25)
@given(
    cuts=st.lists(st.integers(0, 50 * 24), min_size=2, max_size=6, unique=True).map(sorted),
    seed=st.integers(0, 3),
)
def test_a_window_is_the_same_however_the_stream_is_cut(cuts: list[int], seed: int) -> None:
    whole = stream(cuts[0] / 24, cuts[-1] / 24, seed, **TINY)
    parts = [stream(first / 24, last / 24, seed, **TINY) for first, last in pairwise(cuts)]
    assert pa.concat_tables(parts).equals(whole)


def test_ids_are_unique_and_in_the_order_of_time(
    published: dict[str, np.ndarray[Any, Any]],
) -> None:
    assert (np.diff(published["transaction_id"]) > 0).all()
    assert (np.diff(published["time"]) >= np.timedelta64(0)).all()


def test_a_planted_change_leaves_what_was_before() -> None:
    change = {"since": "2018-05-01", "terminals_a_day": 10, "customers_a_day": 0, "amount_over": 60}
    before, after = stream(0, 60, customers=500), stream(0, 60, customers=500, change=change)
    assert before.filter(pa.array(arrays(before)["time"] < np.datetime64("2018-05-01"))).equals(
        after.filter(pa.array(arrays(after)["time"] < np.datetime64("2018-05-01")))
    )
    late = {
        name: np.bincount(
            values["scenario"][values["time"] >= np.datetime64("2018-05-16")], minlength=4
        )
        for name, values in (("before", arrays(before)), ("after", arrays(after)))
    }
    assert late["after"][1] > 10 * late["before"][1]
    assert late["after"][2] > 2 * late["before"][2]
    # Cards stolen before the change are used for two weeks, no others are stolen.
    assert late["before"][3] > 0
    assert late["after"][3] == 0


def test_fraud_can_be_set_from_the_start() -> None:
    quiet = stream(
        0, 40, **TINY, fraud={"amount_over": 1e9, "terminals_a_day": 0, "customers_a_day": 0}
    )
    assert quiet.num_rows > 500
    assert not arrays(quiet)["fraud"].any()


def test_card_precision_counts_cards_and_drops_the_found_ones() -> None:
    """Two cards a day: the fraud of card 7 is found on the first day and counts no more."""
    day = np.array([0, 0, 0, 0, 1, 1, 1])
    customer = np.array([7, 7, 8, 9, 7, 8, 9])
    label = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    score = np.array([0.9, 0.1, 0.5, 0.3, 0.9, 0.2, 0.8])
    found = METRIC.call(label=label, score=score, day=day, customer_id=customer, cards=2)
    assert found == pytest.approx(np.mean([1 / 2, 0]))


def test_a_check_is_made_where_it_costs_less_than_the_loss_to_be_expected() -> None:
    """Checked: the second and third for 5 each; missed: the first fraud of 40."""
    amount = np.array([40.0, 40.0, 600.0, 4.0])
    score = np.array([0.1, 0.2, 0.01, 1.0])
    label = np.array([1.0, 1.0, 0.0, 0.0])
    found = COST.call(label=label, score=score, amount=amount)
    assert found == pytest.approx((40 + 5 + 5 + 0) / 4)


@settings(max_examples=50)
@given(chance=st.floats(0.001, 0.999), amount=st.floats(0.01, 1000))
def test_true_probabilities_cost_least_of_all_that_could_be_said(
    chance: float, amount: float
) -> None:
    """Expected cost of a payment: no other score may lead to a cheaper decision."""
    label, amounts = np.array([0.0, 1.0]), np.full(2, amount)

    def expected_cost(score: float) -> float:
        each = [
            COST.call(label=label[[i]], score=np.array([score]), amount=amounts[[i]])
            for i in range(2)
        ]
        return float((1 - chance) * each[0] + chance * each[1])

    honest = expected_cost(chance)
    assert honest <= min(expected_cost(0.0), expected_cost(1.0)) + 1e-9


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The small stream with times cut to whole hours, so that many payments share an instant."""
    box = write_payments(tmp_path_factory.mktemp("payments"))
    code = box.folder / "payments.py"
    text = code.read_text(encoding="utf-8")
    assert text.count("rows.second\n") == 1
    code.write_text(text.replace("rows.second\n", "rows.second // 3600 * 3600\n"), encoding="utf-8")
    with chdir(box.root), box.lake() as con:
        build_all(con, box.pipeline)
    return box


def expected(rows: dict[str, np.ndarray[Any, Any]]) -> dict[str, list[float]]:
    """Return every window of some payments, counted one by one."""
    found: dict[str, list[float]] = {}
    time, ids = rows["time"], rows["transaction_id"]
    for place in range(0, len(ids), EVERY):
        now = time[place]
        until = (time < now) | ((time == now) & (ids <= ids[place]))
        card = until & (rows["customer_id"] == rows["customer_id"][place])
        known = (rows["terminal_id"] == rows["terminal_id"][place]) & (time <= now - DELAY)
        for days in WINDOWS:
            mine = card & (time > now - np.timedelta64(days, "D"))
            here = known & (time > now - DELAY - np.timedelta64(days, "D"))
            frauds, payments = rows["fraud"][here].sum(), here.sum()
            for name, value in (
                (f"customer_payments_{days}d", mine.sum()),
                (f"customer_amount_{days}d", rows["amount"][mine].mean()),
                (f"terminal_payments_{days}d", payments),
                (f"terminal_fraud_rate_{days}d", frauds / payments if payments else np.nan),
            ):
                found.setdefault(name, []).append(value)
    return found


def test_features_are_the_windows_counted_one_by_one(built: Sandbox) -> None:
    with built.lake() as con:
        rows = con.execute(
            "FROM payments.raw.transactions ORDER BY transaction_id"
        ).to_arrow_table()
        made = con.execute(
            "FROM payments.features.customer JOIN payments.features.terminal"
            " USING (transaction_id) ORDER BY transaction_id"
        ).to_arrow_table()
    values = arrays(rows)
    assert len(np.unique(values["time"])) < rows.num_rows / 2
    for name, wanted in expected(values).items():
        found = made[name].to_numpy().astype(float)[::EVERY]
        np.testing.assert_allclose(found, wanted, rtol=1e-9, err_msg=name)


@pytest.mark.slow
def test_built_day_by_day_it_is_the_same(built: Sandbox, tmp_path: Path) -> None:
    twin = built.copy(tmp_path / "box")
    pipeline = twin.pipeline
    days = [pipeline.partitions.keys()[place] for place in (-1, 42, 0)]
    with chdir(twin.root), twin.lake() as con:
        before = contents(con, pipeline)
        for node in pipeline.ordered:
            build(con, pipeline, node, days, apart=True)
        assert contents(con, pipeline) == before
        assert planned(con, pipeline) == []


@pytest.mark.slow
def test_no_feature_sees_the_future_and_an_early_verdict_is_found(
    built: Sandbox, tmp_path: Path
) -> None:
    twin = built.copy(tmp_path / "box")
    with chdir(twin.root), twin.lake() as con:
        pipeline = twin.pipeline
        keys = pipeline.partitions.keys()
        for node in pipeline.features:
            assert travel(con, pipeline, node, keys[-3:]).faults == []
        # The verdict as if it were known with the payment.
        twin.replace(
            "features.terminal",
            "known_at,\n        count(*)",
            "time AS known_at,\n        count(*)",
        )
        twin.replace("features.terminal", "ORDER BY known_at)", "ORDER BY time)")
        pipeline = twin.pipeline
        node = pipeline.node("features.terminal")
        build(con, pipeline, node)
        assert "terminal_fraud_rate_1d" in travel(con, pipeline, node, keys[-3:]).leaking


def test_another_seed_makes_the_tables_stale_and_another_metric_does_not(
    built: Sandbox, tmp_path: Path
) -> None:
    twin = built.copy(tmp_path / "box")
    code = twin.folder / "payments.py"
    text = code.read_text(encoding="utf-8")
    code.write_text(text.replace("cards: int = 100", "cards: int = 50"), encoding="utf-8")
    with chdir(twin.root), twin.lake() as con:
        assert planned(con, twin.pipeline) == []
        code.write_text(text.replace("RADIUS = 100.0, 5.0", "RADIUS = 100.0, 6.0"), "utf-8")
        assert planned(con, twin.pipeline)[0].reason == "source changed"
        code.write_text(text, encoding="utf-8")
        twin.declare(lambda declared: declared["raw"]["transactions"]["source"].update(seed=5))
        steps = planned(con, twin.pipeline)
        assert len(steps) == len(twin.pipeline.nodes) * len(twin.pipeline.partitions.keys())


@pytest.mark.slow
def test_a_new_day_is_made_alone_from_its_lookback(built: Sandbox, tmp_path: Path) -> None:
    twin = built.copy(tmp_path / "box")
    new = "2018-06-11"
    twin.declare(lambda declared: declared["partitions"].update(end=new))
    pipeline = twin.pipeline
    with chdir(twin.root), twin.lake() as con:
        assert refresh(con, pipeline) == [(node.dotted, new) for node in pipeline.ordered]
        (loaded,) = con.execute(
            f"SELECT count(*) FROM payments.raw.transactions WHERE _load_id = '{RUN}'"
            " AND _partition = ?",
            [new],
        ).fetchall()[0]
        assert loaded > 50
        stored = Stored(ledger.current(con, pipeline.name))
        added = contents(con, pipeline)
        for node in pipeline.features:
            read = next(one for one in stored.of(node) if one.partition == new).inputs
            days = {day for slices in read.values() for day in slices}
            assert len(days) == LOOKBACK[node.table] + 1
            assert max(days) == new
    whole = twin.copy(tmp_path / "whole")
    shutil.rmtree(whole.root / "data")
    with chdir(whole.root), whole.lake() as con:
        build_all(con, whole.pipeline)
        assert contents(con, whole.pipeline) == added
