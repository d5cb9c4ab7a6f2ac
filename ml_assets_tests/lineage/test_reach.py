"""Reach against brute force: two lakes that differ in one slice only, built in any order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ml_assets.lineage.reach import Reach
from ml_assets.warehouse.ledger import Slice

MONTHS = ("1", "2", "3", "4")
LOOKBACK = {"cleaned.a": 0, "features.a": 1, "features.b": 0, "predictions.scores": 0}
"""Tables in the order of the dataflow, and how many months before its own each reads."""
UPSTREAM = {
    "cleaned.a": ("raw.a",),
    "features.a": ("cleaned.a",),
    "features.b": ("cleaned.a", "raw.static"),
    "predictions.scores": ("features.a", "features.b"),
}
START = datetime(2024, 1, 1, tzinfo=UTC)
Name = tuple[str, str | None]


@dataclass
class Lake:
    """Slices whose content is computed from the contents they read; `contents` of them collide."""

    bad: Name
    contents: int
    slices: dict[Name, Slice] = field(default_factory=dict)
    history: list[tuple[int, Slice]] = field(default_factory=list)

    def load(self, name: Name, content: int, *, spoil: bool) -> None:
        """Load a raw slice; the bad one holds something else in a spoiled lake."""
        self._store(name, f"{content}{'!' * (spoil and name == self.bad)}", {})

    def build(self, table: str, month: str) -> None:
        """Build a slice from what is there."""
        read: dict[str, dict[str, str]] = {}
        for upstream in UPSTREAM[table]:
            first = max(0, MONTHS.index(month) - LOOKBACK[table])
            keys = (*MONTHS[first : MONTHS.index(month) + 1], None)
            found = {key: self.slices.get((upstream, key)) for key in keys}
            read[upstream] = {key or "": one.data_version for key, one in found.items() if one}
        content = repr(read)
        # Without collisions whatever is read shows in what is stored.
        short = content if self.contents == 0 else str(sum(map(ord, content)) % self.contents)
        self._store((table, month), short, read)

    def _store(self, name: Name, content: str, read: dict[str, dict[str, str]]) -> None:
        number = len(self.history) + 1
        built = Slice(
            table=name[0],
            partition=name[1],
            code_version="c",
            data_version=content.replace(" ", ""),
            inputs=read,
            rows_in=1,
            rows_kept=1,
            run_id="a run",
            built_at=START + timedelta(hours=number),
        )
        self.slices[name] = built
        self.history.append((number, built))


RAW = [*(("raw.a", month) for month in MONTHS), ("raw.static", None)]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("load"), st.sampled_from(RAW), st.integers(0, 2)),
        st.tuples(
            st.just("build"),
            st.tuples(st.sampled_from(sorted(LOOKBACK)), st.sampled_from(MONTHS)),
            st.just(0),
        ),
    ),
    max_size=40,
)


def played(steps: list[tuple[str, Name, int]], bad: Name, contents: int, *, spoil: bool) -> Lake:
    lake = Lake(bad, contents)
    for name in RAW:
        lake.load(name, 0, spoil=spoil)
    for kind, name, content in steps:
        if kind == "load":
            lake.load(name, content, spoil=spoil)
        else:
            lake.build(name[0], str(name[1]))
    return lake


@given(steps=STEPS, bad=st.sampled_from(RAW))
def test_what_is_reached_is_what_differs_where_the_slice_does(
    steps: list[tuple[str, Name, int]], bad: Name
) -> None:
    """Where contents tell all that they were built from, reach is exact after every commit."""
    good, spoiled = (played(steps, bad, 0, spoil=spoil) for spoil in (False, True))
    reach = Reach(good.history, bad, {})
    now: dict[Name, tuple[str, str]] = {}
    for (number, one), (_, other) in zip(good.history, spoiled.history, strict=True):
        now[one.table, one.partition] = (one.data_version, other.data_version)
        reach.advance(number)
        assert reach.reached == {name for name, (left, right) in now.items() if left != right}


@given(steps=STEPS, bad=st.sampled_from(RAW), contents=st.integers(1, 3))
def test_what_differs_is_reached_where_contents_coincide(
    steps: list[tuple[str, Name, int]], bad: Name, contents: int
) -> None:
    good, spoiled = (played(steps, bad, contents, spoil=spoil) for spoil in (False, True))
    reach = Reach(good.history, bad, {})
    reach.advance()
    assert reach.reached >= {
        name for name, one in good.slices.items() if one != spoiled.slices[name]
    }


def lake() -> Lake:
    """Return a lake in which everything is built."""
    found = Lake(("raw.a", "2"), 0)
    for name in RAW:
        found.load(name, 0, spoil=False)
    for table in LOOKBACK:
        for month in MONTHS:
            found.build(table, month)
    return found


def at_the_end(found: Lake) -> Reach:
    reach = Reach(found.history, found.bad, {})
    reach.advance()
    return reach


def test_a_month_reaches_as_far_as_the_lookback() -> None:
    reach = at_the_end(lake())
    assert reach.reached == {
        ("raw.a", "2"),
        ("cleaned.a", "2"),
        *((table, month) for table in ("features.a", "predictions.scores") for month in "23"),
        ("features.b", "2"),
    }
    assert reach.outdated() == set()


def test_what_was_not_built_again_since_a_load_is_outdated() -> None:
    found = lake()
    found.load(("raw.a", "2"), 1, spoil=False)
    reached = at_the_end(found).reached
    assert at_the_end(found).outdated() == reached - {("raw.a", "2")}
    found.build("cleaned.a", "2")
    found.build("features.b", "2")
    old = {(table, month) for table in ("features.a", "predictions.scores") for month in "23"}
    assert at_the_end(found).outdated() == old
    for month in "23":
        found.build("features.a", month)
        found.build("predictions.scores", month)
    assert at_the_end(found).outdated() == set()
    assert at_the_end(found).reached == reached


def test_a_slice_bears_the_moment_it_first_held_its_content() -> None:
    found = lake()
    built = at_the_end(found).since["cleaned.a", "2"]
    found.load(("raw.a", "2"), 0, spoil=False)
    found.build("cleaned.a", "2")
    assert at_the_end(found).since["cleaned.a", "2"] == built
    found.load(("raw.a", "2"), 1, spoil=False)
    found.build("cleaned.a", "2")
    assert at_the_end(found).since["cleaned.a", "2"] == found.history[-1][1].built_at


def test_a_table_that_is_stored_whole_now_has_left_its_partitions() -> None:
    found = lake()
    found._store(("cleaned.a", None), "whole", {"raw.a": {"2": "0"}})
    reach = at_the_end(found)
    assert ("cleaned.a", None) in reach.reached
    assert not {name for name in reach.reached if name[0] == "cleaned.a" and name[1]}


def test_what_comes_out_as_before_reaches_what_was_built_from_it_before() -> None:
    """As with a lookback that is made longer: nothing behind it is built again."""
    found = lake()
    for months in ("4", "24"):
        read = {month: found.slices["cleaned.a", month].data_version for month in months}
        found._store(("features.a", "4"), "same", {"cleaned.a": read})
        if months == "4":
            found.build("predictions.scores", "4")
            assert ("predictions.scores", "4") not in at_the_end(found).reached
    assert {("features.a", "4"), ("predictions.scores", "4")} <= at_the_end(found).reached


def test_a_model_carries_on_what_it_was_trained_on() -> None:
    found = lake()
    found._store(
        ("predictions.scores", "4"),
        "scored",
        {"features.b": {"4": found.slices["features.b", "4"].data_version}, "model": {"": "7"}},
    )
    reach = at_the_end(found)
    assert ("predictions.scores", "4") not in reach.reached
    reach = Reach(found.history, found.bad, {})
    reach.advance(found.history[-2][0])
    reach.models.add(7)
    reach.advance()
    assert ("predictions.scores", "4") in reach.reached
    assert reach.upstream(("predictions.scores", "4")) == []


def test_feature_tables_that_a_model_does_not_read_reach_nothing_through_it() -> None:
    found = lake()
    inputs = {
        table: {"3": found.slices[table, "3"].data_version}
        for table in ("features.a", "features.b")
    }
    found._store(("predictions.scores", "3"), "scored", {**inputs, "model": {"": "7"}})
    for tables, reached in (({"features.b"}, False), ({"features.a"}, True)):
        reach = Reach(found.history, found.bad, {7: frozenset(tables)})
        reach.advance()
        assert (("predictions.scores", "3") in reach.reached) == reached


def test_a_monitor_looks_at_the_days_of_its_own_version() -> None:
    found = lake()
    for month, version in (("2", "1"), ("3", "1"), ("4", "2")):
        scores = found.slices["predictions.scores", month]
        read = {table: dict(one) for table, one in scores.inputs.items()}
        read["model"] = {"": version}
        found._store(("predictions.scores", month), f"scores{month}", read)
        found._store(
            ("monitoring.days", month),
            f"days{month}",
            {"predictions.scores": {month: f"scores{month}"}},
        )
        days = {key: f"days{key}" for key in "234"[: int(month) - 1]}
        found._store(("monitoring.drift", month), "ok", {"monitoring.days": days})
    reach = at_the_end(found)
    assert {month for table, month in reach.reached if table == "monitoring.drift"} == {"2", "3"}
