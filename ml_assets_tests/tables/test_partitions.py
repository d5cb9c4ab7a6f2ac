"""Time windows tile the time line in the pipeline's zone, and Python and SQL agree on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import DeclarationError
from ml_assets.tables.declaration import Every, PartitionSpec
from ml_assets.tables.partitions import Partitions

STARTS: dict[Every, str] = {"day": "2023-12-25", "week": "2023-12-25", "month": "2023-12"}
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"]
MOMENTS = st.integers(min_value=0, max_value=500 * 24 * 60).map(
    lambda minutes: datetime(2024, 1, 5, tzinfo=UTC) + timedelta(minutes=minutes)
)
EVERY = st.sampled_from(sorted(STARTS))


def partitions(every: Every, zone: str = "UTC", end: str | None = None) -> Partitions:
    """Return windows of one length from around Christmas 2023 on."""
    return Partitions(PartitionSpec(every=every, start=STARTS[every], end=end), zone)


@given(every=EVERY, zone=st.sampled_from(ZONES), now=MOMENTS)
def test_windows_follow_each_other_without_a_gap(every: Every, zone: str, now: datetime) -> None:
    tiled = partitions(every, zone)
    windows = [tiled.window(key) for key in tiled.keys(now)]
    assert all(one.end == other.start for one, other in pairwise(windows))
    assert all(tiled.after(*one.keys) == other.keys[0] for one, other in pairwise(windows))
    # Only windows that are over are there, and the next one is not.
    assert windows[-1].end <= now < tiled.window(tiled.after(windows[-1].keys[0])).end


@settings(max_examples=50)
@given(every=EVERY, zone=st.sampled_from(ZONES), moment=MOMENTS)
def test_sql_assigns_an_instant_to_the_window_that_holds_it(
    every: Every, zone: str, moment: datetime
) -> None:
    tiled = partitions(every, zone)
    local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    sql = tiled.key_sql(f"TIMESTAMP '{local.isoformat(sep=' ')}'")
    ((key,),) = duckdb.sql(f"SELECT {sql}").fetchall()
    window = tiled.window(key)
    # The hour that the clocks repeat is in either window only if the night is a boundary.
    assert window.start <= moment < window.end


@given(every=EVERY, moment=MOMENTS, back=st.timedeltas(timedelta(hours=1), timedelta(days=90)))
def test_overlapping_names_every_window_with_an_instant_of_the_span(
    every: Every, moment: datetime, back: timedelta
) -> None:
    tiled = partitions(every)
    found = tiled.overlapping(moment - back, moment)
    late = tiled.keys(moment + timedelta(days=62))
    windows = [tiled.window(key) for key in late]
    touched = [w for w in windows if w.end > moment - back and w.start < moment]
    assert found == [w.name for w in touched if w.name in found]
    whole = [w.keys[0] for w in windows if w.start >= moment - back and w.end <= moment]
    assert set(whole) <= set(found)


@given(
    every=EVERY,
    zone=st.sampled_from(ZONES),
    moment=MOMENTS,
    back=st.timedeltas(timedelta(0), timedelta(days=900)),
    closed=st.booleans(),
)
def test_overlapping_is_what_a_look_at_every_window_finds(
    every: Every, zone: str, moment: datetime, back: timedelta, *, closed: bool
) -> None:
    """Also where the span begins before the history, or ends after it."""
    tiled = partitions(every, zone, "2024-07" if every == "month" else "2024-07-01")
    tiled = tiled if closed else partitions(every, zone)
    start = moment - back
    windows = [tiled.window(key) for key in tiled.keys(moment)]
    looked = [w.name for w in windows if w.end > start and w.start < moment]
    assert tiled.overlapping(start, moment) == looked


def test_the_window_that_began_is_not_over() -> None:
    tiled = partitions("month", "America/New_York")
    assert tiled.keys(datetime(2024, 2, 1, 4, 59, tzinfo=UTC)) == ["2023-12"]
    assert tiled.keys(datetime(2024, 2, 1, 5, 0, tzinfo=UTC)) == ["2023-12", "2024-01"]


def test_a_closed_history_has_its_end_whatever_the_clock_says() -> None:
    tiled = partitions("month", end="2024-02")
    assert tiled.keys(datetime(2030, 1, 1, tzinfo=UTC)) == ["2023-12", "2024-01", "2024-02"]
    assert tiled.keys(datetime(2020, 1, 1, tzinfo=UTC)) == ["2023-12", "2024-01", "2024-02"]


def test_the_clock_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_ASSETS_NOW", "2024-01-15T00:00:00+00:00")
    assert partitions("month").keys() == ["2023-12"]


def test_a_month_with_a_change_of_clocks_is_an_hour_shorter() -> None:
    march = partitions("month", "America/New_York").window("2024-03")
    assert march.end - march.start == timedelta(days=31) - timedelta(hours=1)


@pytest.mark.parametrize(
    ("every", "start", "end", "zone", "message"),
    [
        ("month", "2024-1x", None, "UTC", "'2024-1x' is not the key of a month.*like 2013-01"),
        ("week", "2024-01-02", None, "UTC", "'2024-01-02' is not a Monday.*2024-01-01"),
        ("month", "2024-03", "2024-01", "UTC", "end at 2024-01, before they start at 2024-03"),
        ("day", "2024-01-01", None, "Mars/Olympus", "'Mars/Olympus' is not an IANA time zone"),
    ],
)
def test_a_wrong_declaration_is_explained(
    every: Every, start: str, end: str | None, zone: str, message: str
) -> None:
    with pytest.raises(DeclarationError, match=message):
        Partitions(PartitionSpec(every=every, start=start, end=end), zone)
