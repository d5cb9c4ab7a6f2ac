"""How long labels take, and until when no more are waited for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets import clock
from ml_assets.tables.label_delay import label_delay, settled_until
from ml_assets_tests.sandbox import build
from ml_assets_tests.shop import look_ahead

if TYPE_CHECKING:
    from ml_assets_tests.sandbox import Sandbox

LATER = datetime(2014, 1, 1, tzinfo=UTC)


def test_nearly_all_labels_are_known_after_the_delay(sample_as_built: Sandbox) -> None:
    with sample_as_built.lake() as con:
        delay = label_delay(con, sample_as_built.pipeline, LATER)
        assert delay is not None
        (share,) = con.execute(
            "SELECT avg((known_at - scheduled_departure <= ?)::INT) FROM flights.cleaned.arrivals",
            [delay],
        ).fetchall()[0]
    assert share == pytest.approx(0.99, abs=0.002)
    assert timedelta(hours=2) < delay < timedelta(days=1)


def test_before_any_label_is_known_all_are_awaited(sample_as_built: Sandbox) -> None:
    with sample_as_built.lake() as con:
        early = datetime(2013, 1, 1, 6, tzinfo=UTC)
        assert label_delay(con, sample_as_built.pipeline, early) is None
        assert settled_until(con, sample_as_built.pipeline, early) is None


def test_labels_that_are_not_known_yet_say_nothing(sample: Sandbox) -> None:
    as_of = datetime(2013, 2, 10, tzinfo=UTC)
    with sample.lake() as con:
        before = label_delay(con, sample.pipeline, as_of)
        con.execute(
            "UPDATE flights.cleaned.arrivals SET known_at = known_at + INTERVAL 300 DAY"
            f" WHERE known_at > TIMESTAMPTZ '{as_of.isoformat()}'"
        )
        assert label_delay(con, sample.pipeline, as_of) == before


def test_young_entities_do_not_make_slow_labels_look_quick(sample: Sandbox) -> None:
    """Labels that take 1 to 30 days: of the last month only the quick ones are known."""
    with sample.lake() as con:
        con.execute(
            "UPDATE flights.cleaned.arrivals SET known_at = scheduled_departure"
            " + to_hours(24 * (1 + flight_number % 30))"
        )
        found = label_delay(con, sample.pipeline, datetime(2013, 3, 25, tzinfo=UTC))
        assert found == timedelta(days=30)


def test_a_day_is_settled_when_its_last_label_is_overdue(sample: Sandbox) -> None:
    with sample.lake() as con:
        con.execute(
            "UPDATE flights.cleaned.arrivals SET known_at = scheduled_departure + INTERVAL 2 DAY"
        )
        for moment, last in (
            ("2013-03-10T04:59:59", "2013-03-06"),
            ("2013-03-10T05:00:00", "2013-03-07"),
        ):
            as_of = datetime.fromisoformat(moment).replace(tzinfo=UTC)
            # Midnight in New York is 05:00 in UTC.
            assert settled_until(con, sample.pipeline, as_of) == np.datetime64(last)


@pytest.mark.parametrize(
    ("end", "last", "later"),
    [
        # March can be built once April is over; till then none of it is settled.
        (None, "2024-02-29", "2024-03-31"),
        # Of a closed history it never can: nothing is waited for.
        ("2024-03", "2024-04-19", "2024-04-20"),
    ],
)
def test_what_no_slice_can_hold_yet_is_awaited_though_it_is_known(
    shop: Sandbox, end: str | None, last: str, later: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.declare(lambda declared: declared["partitions"].update(end=end))
    look_ahead(shop)
    with shop.lake() as con:
        for day, settled in (("2024-04-30", last), ("2024-05-01", later)):
            monkeypatch.setenv(clock.NOW, f"{day}T12:00:00+00:00")
            build(con, shop.pipeline, shop.pipeline.node("cleaned.payments"))
            assert settled_until(con, shop.pipeline, clock.now()) == np.datetime64(settled)


# What a closed history never can hold is not waited for.
@pytest.mark.parametrize(("end", "april"), [(None, "2024-02-29"), ("2024-03", "2024-03-21")])
def test_looked_back_on_a_slice_is_awaited_as_it_was_then(
    shop: Sandbox, end: str | None, april: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.declare(lambda declared: declared["partitions"].update(end=end))
    look_ahead(shop)
    monkeypatch.setenv(clock.NOW, "2024-05-20T12:00:00+00:00")
    with shop.lake() as con:
        build(con, shop.pipeline, shop.pipeline.node("cleaned.payments"))
        for day, last in (("02-29", "2023-12-31"), ("03-31", "2024-01-31"), ("04-01", april)):
            then = datetime.fromisoformat(f"2024-{day}T12:00:00+00:00")
            assert settled_until(con, shop.pipeline, then) == np.datetime64(last)
