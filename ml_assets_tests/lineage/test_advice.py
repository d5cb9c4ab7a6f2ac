"""What to do: one line for each state that a slice and what was built from it can be in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ml_assets.lineage.advice import advice
from ml_assets.lineage.columns import aligned, listed
from ml_assets.lineage.found import (
    AffectedScores,
    AffectedSlice,
    AffectedVersion,
    Impact,
    TrainedSlice,
)

AT = datetime(2013, 6, 1, tzinfo=UTC)
NOTHING = Impact(
    pipeline="flights",
    table="raw.flights",
    partition="2013-05",
    contents=(),
    slices=(),
    versions=(),
    scores=(),
    verdicts=(),
    decisions=(),
    fallback=None,
)
SLICE = AffectedSlice("cleaned.schedule", "2013-05", 10, AT, outdated=False)
SCORES = AffectedScores("2013-05", 3, 1000, AT, features=True, model=False, outdated=False)
CHAMPION = AffectedVersion(
    version=3,
    aliases=("champion",),
    live=(),
    snapshot=7,
    trained_at=AT,
    trained=(TrainedSlice("features.schedule", "2013-05", "then", "then"),),
    tested=(),
    rows=10,
    training_rows=100,
)
OTHER = replace(CHAMPION, trained=(TrainedSlice("features.schedule", "2013-05", "then", "now"),))


def test_where_nothing_was_built_nothing_is_to_do() -> None:
    assert advice(NOTHING) == "Nothing was built from it."


def test_where_all_is_in_order_it_says_what_to_do_if_the_slice_is_bad() -> None:
    found = replace(NOTHING, slices=(SLICE, SLICE), scores=(SCORES,), versions=(CHAMPION,))
    assert advice(found) == (
        "Nothing, unless raw.flights 2013-05 is bad: correct its source, then `ml-assets run"
        " flights` builds 2 slices again, scores 1,000 rows anew, trains a challenger for"
        " version 3."
    )
    assert "correct what it is built from" in advice(replace(found, table="cleaned.schedule"))
    by_model = replace(found, scores=(replace(SCORES, features=False),))
    assert "rows anew" not in advice(by_model)


def test_what_is_outdated_is_built_first() -> None:
    for found in (
        replace(NOTHING, slices=(SLICE, replace(SLICE, outdated=True))),
        replace(NOTHING, slices=(SLICE,), scores=(replace(SCORES, outdated=True),)),
    ):
        run = "`ml-assets run flights` builds again what still comes from earlier content"
        assert advice(found) == f"{run}."
        trained = replace(found, versions=(OTHER,))
        assert advice(trained) == f"{run}; it trains a challenger for version 3."


def test_a_champion_of_other_content_is_challenged_or_rolled_back() -> None:
    found = replace(NOTHING, slices=(SLICE,), versions=(OTHER,))
    assert advice(found) == (
        "The tables are in order. Champion version 3 was trained on what raw.flights 2013-05 held"
        " before: `ml-assets run flights` trains a challenger."
    )
    back = "; `ml-assets rollback flights` goes back to version 2 till then."
    assert advice(replace(found, fallback=2)).endswith(f"trains a challenger{back}")


def test_a_version_that_is_not_live_or_only_tested_on_it_needs_nothing() -> None:
    for version in (
        replace(OTHER, aliases=("previous",)),
        replace(OTHER, trained=(), tested=OTHER.trained),
    ):
        found = replace(NOTHING, slices=(SLICE,), versions=(version,))
        assert "challenger" not in advice(found)
        assert advice(found).startswith("Nothing, unless")


def test_many_partitions_are_told_by_the_first_and_the_last() -> None:
    assert listed([None]) == "-"
    assert listed(["2013-02", "2013-01", "2013-02"]) == "2013-01, 2013-02"
    assert listed(["2013-04", "2013-01", "2013-02", "2013-03"]) == "2013-01 to 2013-04 (4)"


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    lines = list(aligned(("a", "rows"), [("x", "1"), ("long", "1,000")], right="rows"))
    assert lines == ["a      rows", "x         1", "long  1,000"]
    assert list(aligned(("a",), [])) == []
