"""A stream of card payments with fraud, and what is measured on its alerts.

After the simulator of Le Borgne, Siblini, Lebichot and Bontempi, Reproducible Machine Learning for
Credit Card Fraud Detection (Practical Handbook, ULB 2022), chapter 3. One rule differs: of a
compromised customer's transactions each is fraud by a draw of its own with chance one third, where
the handbook picks a third of those of 14 days; so that no day depends on a later one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

GRID, RADIUS = 100.0, 5.0
DAY = 86_400
"""Seconds."""
NOON, SPREAD = DAY / 2, 20_000.0
IDS_A_DAY = 1_000_000
"""A transaction's id is its day's number times this, plus its place in the day."""
WORLD, PAYMENTS, TERMINALS, CUSTOMERS = range(4)
"""Streams of random numbers: drawing more of one leaves the others as they are."""
CHECK = 5.0
"""What it costs to ask the customer about a payment, in the amounts' currency."""
SCHEMA = pa.schema(
    {
        "transaction_id": pa.int64(),
        "time": pa.timestamp("us", tz="UTC"),
        "customer_id": pa.int32(),
        "terminal_id": pa.int32(),
        "amount": pa.float64(),
        "fraud": pa.bool_(),
        "scenario": pa.int8(),
    }
)


@dataclass(frozen=True)
class Fraud:
    """How fraud is committed; where scenarios meet, the later one is named."""

    amount_over: float = 220
    """Scenario 1: every transaction above this amount."""
    terminals_a_day: int = 2
    terminal_days: int = 28
    """Scenario 2: every transaction at a terminal, for so long after it was compromised."""
    customers_a_day: int = 3
    customer_days: int = 14
    share: float = 1 / 3
    amount_times: float = 5
    """Scenario 3: this share of a compromised customer's transactions, their amounts multiplied."""


@dataclass(frozen=True)
class World:
    """Who pays where: per customer the mean amount, the transactions a day and the terminals."""

    mean_amount: Floats
    rate: Floats
    near: Ints
    """Terminals within RADIUS of the first customer, then of the second, and so on."""
    first: Ints
    """Where each customer's terminals begin in `near`."""
    count: Ints
    """How many they are; who has none never pays."""
    terminals: int


@dataclass(frozen=True)
class Rows:
    """Transactions of one day, in the order of time."""

    second: Ints
    customer: Ints
    terminal: Ints
    amount: Floats


def transactions(
    start: datetime,
    end: datetime,
    *,
    seed: int,
    begin: str = "2018-04-01",
    days: int = 183,
    customers: int = 5_000,
    terminals: int = 10_000,
    fraud: Mapping[str, float] | None = None,
    change: Mapping[str, Any] | None = None,
) -> pa.Table:
    """Return the transactions of [start, end) by id, which is the order of time.

    `fraud` sets fields of Fraud, `change` sets them anew from its date `since`.
    """
    origin = datetime.combine(date.fromisoformat(str(begin)), time(), UTC)
    world = _world(seed, customers, terminals)
    frauds = _frauds(origin, days, fraud or {}, change or {})
    first, last = _day_number(start, origin), _day_number(end - timedelta(microseconds=1), origin)
    made = [
        _day(world, seed, day, frauds, origin) for day in range(max(first, 0), min(last + 1, days))
    ]
    table = pa.concat_tables([SCHEMA.empty_table(), *made])
    inside = pc.and_(
        pc.greater_equal(table["time"], pa.scalar(start)), pc.less(table["time"], pa.scalar(end))
    )
    return table.filter(inside)


def _day_number(moment: datetime, origin: datetime) -> int:
    return (moment - origin) // timedelta(days=1)


def _frauds(
    origin: datetime, days: int, fraud: Mapping[str, float], change: Mapping[str, Any]
) -> list[Fraud]:
    """Return how fraud begins on each day."""
    before = Fraud(**fraud)  # type: ignore[arg-type]
    if not change:
        return [before] * days
    after = replace(before, **{name: value for name, value in change.items() if name != "since"})
    since = datetime.combine(date.fromisoformat(str(change["since"])), time(), UTC)
    turn = _day_number(since, origin)
    return [before if day < turn else after for day in range(days)]


@lru_cache(maxsize=4)
def _world(seed: int, customers: int, terminals: int) -> World:
    from scipy.spatial import cKDTree

    rng = np.random.default_rng([seed, WORLD])
    homes, places = rng.uniform(0, GRID, (customers, 2)), rng.uniform(0, GRID, (terminals, 2))
    mean_amount, rate = rng.uniform(5, 100, customers), rng.uniform(0, 4, customers)
    near = cKDTree(places).query_ball_point(homes, RADIUS, return_sorted=True)
    count = np.array([len(one) for one in near], np.int64)
    flat = np.concatenate([np.asarray(one, np.int64) for one in near])
    return World(mean_amount, rate, flat, np.cumsum(count) - count, count, terminals)


def _day(world: World, seed: int, day: int, frauds: list[Fraud], origin: datetime) -> pa.Table:
    rng = np.random.default_rng([seed, PAYMENTS, day])
    rows = _genuine(world, rng)
    scenario = np.where(rows.amount > frauds[day].amount_over, 1, 0)
    amount = rows.amount
    for began in range(day + 1):
        if day - began < frauds[began].terminal_days:
            broken = _drawn(seed, TERMINALS, began, world.terminals, frauds[began].terminals_a_day)
            scenario[np.isin(rows.terminal, broken)] = 2
    for began in range(day + 1):
        if day - began < frauds[began].customer_days:
            how, everyone = frauds[began], len(world.rate)
            stolen = _drawn(seed, CUSTOMERS, began, everyone, how.customers_a_day)
            hit = np.isin(rows.customer, stolen) & (rng.random(len(amount)) < how.share)
            amount = np.where(hit, amount * how.amount_times, amount)
            scenario[hit] = 3
    return _table(rows, amount.round(2), scenario, day, origin)


def _genuine(world: World, rng: np.random.Generator) -> Rows:
    """Return what the customers pay on one day."""
    who = np.repeat(np.arange(len(world.rate)), rng.poisson(world.rate))
    second = rng.normal(NOON, SPREAD, len(who)).astype(np.int64)
    mean = world.mean_amount[who]
    amount = rng.normal(mean, mean / 2)
    amount = np.where(amount < 0, rng.uniform(0, 2 * mean), amount).round(2)
    place = world.first[who] + (rng.random(len(who)) * world.count[who]).astype(np.int64)
    kept = np.flatnonzero((second > 0) & (second < DAY) & (world.count[who] > 0))
    order = kept[np.argsort(second[kept], kind="stable")]
    return Rows(second[order], who[order], world.near[place[order]], amount[order])


@lru_cache(maxsize=1024)
def _drawn(seed: int, stream: int, day: int, among: int, count: int) -> tuple[int, ...]:
    """Return the numbers of those compromised on a day."""
    rng = np.random.default_rng([seed, stream, day])
    return tuple(rng.choice(among, min(count, among), replace=False).tolist())


def _table(rows: Rows, amount: Floats, scenario: Ints, day: int, origin: datetime) -> pa.Table:
    seconds = int(origin.timestamp()) + day * DAY + rows.second
    columns = (
        day * IDS_A_DAY + np.arange(len(amount)),
        seconds * 1_000_000,
        rows.customer.astype(np.int32),
        rows.terminal.astype(np.int32),
        amount,
        scenario > 0,
        scenario.astype(np.int8),
    )
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    return pa.table(arrays, schema=SCHEMA)


def card_precision(
    label: Floats, score: Floats, day: Ints, customer_id: Ints, cards: int = 100
) -> float:
    """Share of fraud among the 100 most suspicious cards of a day, found cards left out later."""
    who, card = np.unique(customer_id, return_inverse=True)
    found, shares = np.zeros(len(who), bool), []
    order = np.argsort(day, kind="stable")
    for today in np.split(order, np.flatnonzero(np.diff(day[order])) + 1):
        rows = today[~found[card[today]]]
        highest, fraud = np.full(len(who), -np.inf), np.zeros(len(who))
        np.maximum.at(highest, card[rows], score[rows])
        np.maximum.at(fraud, card[rows], label[rows])
        suspects = np.argsort(-highest, kind="stable")[:cards]
        caught = suspects[fraud[suspects] == 1]
        found[caught] = True
        shares.append(len(caught) / cards)
    return float(np.mean(shares))


def cost_per_payment(label: Floats, score: Floats, amount: Floats) -> float:
    """Mean cost, in the amounts' currency, of checks and of frauds that were not checked.

    A payment is checked where the loss to be expected, score times amount, is above what a check
    costs: the cheapest rule where scores are probabilities (Elkan 2001, The foundations of
    cost-sensitive learning). A fraud that is checked costs no more than the check.
    """
    checked = score * amount > CHECK
    return float(np.where(checked, CHECK, label * amount).mean())
