"""Tables as assets: a broken contract or a leak fails its check, and nothing downstream runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets.assets.contracts import broken_contracts
from ml_assets.assets.verdicts import unproven
from ml_assets.tables.plan import Stored
from ml_assets.warehouse import ledger
from ml_assets_tests.assets.running import checks, failed, metadata, ran, run
from ml_assets_tests.leaks import LEAKS, Leak
from ml_assets_tests.sandbox import build, contents, refresh
from ml_assets_tests.shop import order

if TYPE_CHECKING:
    from ml_assets_tests.sandbox import Sandbox

FEBRUARY = ["2013-02"]


@pytest.mark.slow
def test_a_built_table_answers_every_check_and_its_numbers(shop: Sandbox) -> None:
    shop.edit("orders", lambda lines: [*lines, order(9001, "2024-01", 5, amount=5000), lines[1]])
    result = run(shop, "raw/orders", "cleaned/orders", "cleaned/payments", "features/orders")
    assert result.success
    assert {name for name, found in checks(result, "cleaned/orders").items() if found.passed} == {
        "schema",
        "rejected_rows",
        "volume",
        "accounting",
        "known_at",
    }
    travel = checks(result, "features/orders")["time_travel"]
    assert travel.passed
    assert travel.metadata["cutoffs"].value == 3
    told = metadata(result, "cleaned/orders")
    assert told["dagster/row_count"] == 252
    assert told["rows_in"] == 254
    assert told["rows_rejected"] == told["rejected: amount above 1000"] == 1
    assert told["rows_duplicate"] == 1
    assert told["counted: large"] == sum(int(line.split(",")[2]) > 90 for line in _orders(shop))
    unpaid = sum(line.endswith(",") for line in _orders(shop))
    paid = metadata(result, "cleaned/payments")
    assert paid["rows_excluded"] == paid["excluded: unpaid"] == unpaid
    assert numbers(result, "cleaned/orders") == {
        "rows_in": 254,
        "rows_kept": 252,
        "rows_rejected": 1,
        "rows_excluded": 0,
        "rows_duplicate": 1,
    }


def test_an_accounting_that_fails_gives_the_numbers_of_the_slice_at_fault(shop: Sandbox) -> None:
    shop.replace("cleaned.orders", "FROM raw.orders", "FROM raw.orders WHERE id <> 3")
    result = run(shop, "cleaned/orders", keys=["2024-01"])
    assert not checks(result, "cleaned/orders")["accounting"].passed
    told = numbers(result, "cleaned/orders")
    assert told["rows_in"] - told["rows_kept"] == 1
    assert told["rows_rejected"] == told["rows_duplicate"] == told["rows_excluded"] == 0


def numbers(result: dg.ExecuteInProcessResult, table: str) -> dict[str, int]:
    found = checks(result, table)["accounting"].metadata
    return {
        name: int(str(value.value)) for name, value in found.items() if name.startswith("rows_")
    }


def _orders(box: Sandbox) -> list[str]:
    return box.source("orders").read_text(encoding="utf-8").splitlines()[1:]


@pytest.mark.slow
@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.name)
def test_a_planted_leak_fails_the_blocking_check(sample: Sandbox, leak: Leak) -> None:
    leak.plant(sample)
    assets = [name.replace(".", "/") for name in leak.rebuilt]
    result = run(sample, *assets, "training_set", keys=FEBRUARY)
    assert not result.success
    assert "training_set" not in ran(result)
    # A leak below the last table stops there: what reads it does not run at all.
    leaking = assets[-1] if assets[-1] in ran(result) else assets[0]
    found = checks(result, leaking)["time_travel"]
    assert not found.passed
    assert found.blocking
    assert found.severity == dg.AssetCheckSeverity.ERROR
    if leaking == assets[-1]:
        assert leak.column in str(found.metadata["leaking"].value)
        assert f"{leak.table}.{leak.column}: " in (found.description or "")


@pytest.mark.slow
def test_a_leak_found_earlier_still_stops_training(shop: Sandbox) -> None:
    """The leaking slices are stored: the next run has nothing to build and so nothing to check."""
    shop.replace("features.orders", "<= o.placed_at", "<= o.placed_at + INTERVAL 1 DAY")
    with dg.DagsterInstance.ephemeral() as instance:
        assert not run(shop, "features/orders", "training_set", instance=instance).success
        again = run(shop, "training_set", instance=instance)
        assert "features.orders sees the future in paid_week." in failed(again)["training_set"]
        shop.replace("features.orders", " + INTERVAL 1 DAY", "")
        mended = run(shop, "features/orders", "training_set", instance=instance)
    assert mended.success


def leave_unchecked(box: Sandbox, instance: dg.DagsterInstance) -> None:
    """Leave slices as if the run was killed between its last commit and its check."""
    assert run(box, "features/orders", instance=instance).success
    box.edit("orders", lambda lines: [*lines, order(9001, "2024-02", 5)])
    assert left_unchecked(box, instance) == []
    with box.lake() as con:
        refresh(con, box.pipeline)
    assert left_unchecked(box, instance) == ["2024-02", "2024-03"]


@pytest.mark.slow
def test_a_refresh_checks_what_a_killed_run_left_unchecked(shop: Sandbox) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        leave_unchecked(shop, instance)
        # It has nothing to build.
        assert run(shop, "features/orders", instance=instance, refresh=True).success
        assert left_unchecked(shop, instance) == []


@pytest.mark.slow
def test_training_checks_what_a_killed_run_left_unchecked(shop: Sandbox) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        leave_unchecked(shop, instance)
        assert run(shop, "training_set", instance=instance).success
        assert left_unchecked(shop, instance) == []


@pytest.mark.slow
def test_training_finds_the_leak_that_a_killed_run_left(shop: Sandbox) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(shop, "features/orders", instance=instance).success
        shop.replace("features.orders", "<= o.placed_at", "<= o.placed_at + INTERVAL 1 DAY")
        # Tables of other code are no leak.
        stale = failed(run(shop, "training_set", instance=instance))["training_set"]
        assert "are not up to date" in stale
        assert broken_contracts(instance, shop.pipeline) == []
        with shop.lake() as con:
            refresh(con, shop.pipeline)
        leaking = failed(run(shop, "training_set", instance=instance))["training_set"]
        assert "features.orders sees the future in paid_week." in leaking
        (found,) = broken_contracts(instance, shop.pipeline)
    assert (found.window, found.verdict) == ("features.orders", "broken")


@pytest.mark.slow
def test_what_another_run_stores_once_more_stays_proven(shop: Sandbox) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(shop, "features/orders", instance=instance).success
        with shop.lake() as con:
            build(con, shop.pipeline, shop.pipeline.node("features.orders"))
        assert run(shop, "training_set", instance=instance).success


@pytest.mark.slow
def test_a_verdict_says_nothing_of_the_same_rows_from_other_code(shop: Sandbox) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(shop, "features/orders", instance=instance).success
        # The same orders, which may from now on be known at another time.
        shop.declare(lambda declared: declared["cleaned"]["orders"].update(counts={}))
        with shop.lake() as con:
            refresh(con, shop.pipeline)
        assert len(left_unchecked(shop, instance)) == 3


def left_unchecked(box: Sandbox, instance: dg.DagsterInstance) -> list[str | None]:
    pipeline = box.pipeline
    with box.lake() as con:
        stored = Stored(ledger.current(con, pipeline.name))
    return unproven(instance, pipeline, pipeline.node("features.orders"), stored)


@pytest.mark.slow
def test_a_leak_found_in_one_partition_is_not_forgotten_by_another(shop: Sandbox) -> None:
    """What failed stays unproven until it passes itself, whatever is checked later."""
    shop.replace("features.orders", "<= o.placed_at", "<= o.placed_at + INTERVAL 1 DAY")
    with dg.DagsterInstance.ephemeral() as instance:
        assert not run(shop, "features/orders", keys=["2024-02"], instance=instance).success
        shop.replace("features.orders", " + INTERVAL 1 DAY", "")
        again = run(shop, "features/orders", keys=["2024-03"], instance=instance)
    travel = checks(again, "features/orders")["time_travel"]
    assert not travel.passed
    assert "2024-02" in (travel.description or "")


def test_a_broken_contract_stores_nothing_and_stops_what_reads_it(shop: Sandbox) -> None:
    shop.declare(lambda declared: declared["cleaned"]["orders"]["columns"]["amount"].update(max=50))
    with shop.lake() as con:
        before = contents(con, shop.pipeline)
    result = run(shop, "cleaned/orders", "features/orders", "training_set")
    with shop.lake() as con:
        assert contents(con, shop.pipeline) == before
    assert set(failed(result)) == {"cleaned/orders"}
    assert ran(result) == {"cleaned/orders"}
    found = checks(result, "cleaned/orders")["rejected_rows"]
    assert (found.passed, found.blocking) == (False, True)
    message = "cleaned.orders: 44 of 84 rows rejected (52.4%, allowed are 10.0%): amount above 50"
    assert message in failed(result)["cleaned/orders"]
    assert message in (found.description or "")


def test_lost_rows_fail_the_accounting_check(shop: Sandbox) -> None:
    shop.replace("features.orders", "LEFT JOIN", "JOIN")
    result = run(shop, "features/orders", "training_set")
    assert ran(result) == {"features/orders"}
    found = checks(result, "features/orders")["accounting"]
    assert not found.passed
    assert "of cleaned.orders neither kept, rejected nor excluded: (id=" in (
        found.description or ""
    )


def test_a_select_that_cannot_run_fails_its_schema_check(shop: Sandbox) -> None:
    shop.replace("cleaned.orders", "shop, amount,", "shop, amuont AS amount,")
    result = run(shop, "cleaned/orders", "features/orders")
    assert ran(result) == {"cleaned/orders"}
    assert not checks(result, "cleaned/orders")["schema"].passed
    assert "amuont" in failed(result)["cleaned/orders"]


@pytest.mark.slow
def test_an_hour_of_weather_twice_is_counted_as_a_duplicate(sample: Sandbox) -> None:
    january = [
        line for line in sample.source("weather").read_text().splitlines() if ",2013,1,7," in line
    ]
    sample.edit("weather", lambda lines: [*lines, january[0]])
    result = run(sample, "raw/weather", "cleaned/weather", keys=["2013-01"])
    assert result.success
    assert metadata(result, "cleaned/weather")["rows_duplicate"] == 1
    assert metadata(result, "cleaned/weather")["dagster/row_count"] == 2226 + 2009 + 2227


@pytest.mark.slow
def test_a_category_never_seen_is_a_row_like_any_other_or_rejected(sample: Sandbox) -> None:
    """An airline that cleaned.airlines lacks breaks the reference and names itself."""
    flights = sample.source("flights").read_text().splitlines()
    new = [
        line.replace(",VX,", ",ZZ,")
        for line in flights
        if line.startswith("2013,2,1,") and ",VX," in line
    ]
    sample.edit("flights", lambda lines: [*lines, *new[:2]])
    result = run(sample, "raw/flights", "cleaned/schedule", keys=FEBRUARY)
    assert result.success
    told = metadata(result, "cleaned/schedule")
    assert told["rejected: carrier not in cleaned.airlines.carrier"] == 2
    sample.edit("airlines", lambda lines: [*lines, "ZZ,Zeppelin"])
    result = run(
        sample,
        "raw/airlines",
        "cleaned/airlines",
        "cleaned/schedule",
        "features/schedule",
        keys=FEBRUARY,
    )
    assert result.success
    assert metadata(result, "cleaned/schedule")["rows_rejected"] == 0
    with sample.lake() as con:
        assert con.execute(
            "SELECT count(*) FROM flights.features.schedule WHERE carrier = 'ZZ'"
        ).fetchone() == (2,)
