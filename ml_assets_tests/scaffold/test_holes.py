from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ml_assets.scaffold.holes import MOST, newest_whole


@given(st.lists(st.integers(0, 3), max_size=300))
def test_what_is_kept_is_the_newest_stretch_without_a_hole(rows: list[int]) -> None:
    counts = {f"{index:04d}": count for index, count in enumerate(rows)}
    kept = newest_whole(counts)
    assert all(kept.values())
    assert len(kept) <= MOST
    assert [*kept] == [*counts][len(counts) - len(kept) :]


def test_a_hole_is_skipped_where_most_rows_follow_it() -> None:
    assert newest_whole({"1": 5, "2": 0, "3": 4, "4": 4}) == {"3": 4, "4": 4}
    assert newest_whole({"1": 50, "2": 0, "3": 4, "4": 4}) == {}
