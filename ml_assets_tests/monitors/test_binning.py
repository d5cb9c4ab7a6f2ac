from __future__ import annotations

import json
import math
from collections import Counter

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.monitors.binning import BINS, Bins, fit_bins, from_json, number_bins, to_json
from ml_assets_tests.ml.data import FEATURES, training_table

numbers = st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=60)
names = st.lists(st.none() | st.sampled_from("abcdefghijklmnopqrstuvwxyz"), max_size=80)


def chunked(values: list[float | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.float64())])


def text(values: list[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def categories_of(values: list[str | None]) -> Bins:
    return fit_bins(pa.table({"c": text(values)}), ["c"])["c"]


@given(numbers, numbers)
def test_every_number_has_a_bin_and_what_is_none_the_last(
    seen: list[float | None], new: list[float | None]
) -> None:
    bins = number_bins(np.array(seen, np.float64))
    values = [*seen, *new]
    codes = bins.codes(chunked(values))
    for value, code in zip(values, codes.tolist(), strict=True):
        if value is None or math.isnan(value):
            assert code == bins.count - 1
        else:
            assert code == sum(edge <= value for edge in bins.edges) < bins.count - 1


@given(numbers)
def test_no_bin_of_numbers_is_empty_where_it_was_fitted(values: list[float | None]) -> None:
    bins = number_bins(np.array(values, np.float64))
    finite = [value for value in values if value is not None and math.isfinite(value)]
    assert bins.count <= BINS + 1
    assert list(bins.edges) == sorted(set(bins.edges))
    counts = np.bincount(bins.codes(chunked(list(finite))), minlength=bins.count)
    assert (counts[:-1] > 0).all() or not finite
    assert counts[-1] == 0


@given(st.integers(2 * BINS, 500), st.integers(0, 2**32 - 1))
def test_bins_hold_equal_counts_of_different_numbers(rows: int, seed: int) -> None:
    values = np.random.default_rng(seed).permutation(rows).astype(np.float64)
    bins = number_bins(values)
    counts = np.bincount(bins.codes(chunked(values.tolist())), minlength=bins.count)
    assert bins.count == BINS + 1
    # An edge is one of the values, which takes up to one row on either side.
    assert np.abs(counts[:-1] - rows / BINS).max() < 2


def test_a_number_that_never_changes_has_one_bin_and_null() -> None:
    bins = number_bins(np.full(100, 3.0))
    assert bins.codes(chunked([3.0, -1.0, 9.0, None])).tolist() == [0, 0, 0, 1]


@given(names, names)
def test_an_unseen_category_goes_to_other_and_null_to_the_last(
    seen: list[str | None], new: list[str | None]
) -> None:
    bins = categories_of(seen)
    assert bins.categories is not None
    values = [*seen, *new, "never seen"]
    codes = bins.codes(text(values))
    for value, code in zip(values, codes.tolist(), strict=True):
        if value is None:
            assert code == bins.count - 1
        elif value in bins.categories:
            assert bins.categories[code] == value
        else:
            assert code == len(bins.categories) == bins.count - 2


@given(st.lists(st.integers(0, 6), min_size=26, max_size=26), st.randoms())
def test_the_most_frequent_categories_have_bins_whatever_the_order_of_rows(
    sizes: list[int], rng: object
) -> None:
    letters = zip("abcdefghijklmnopqrstuvwxyz", sizes, strict=True)
    values: list[str | None] = [None, *(name for name, size in letters for _ in range(size))]
    bins = categories_of(values)
    assert bins.categories is not None
    counts = Counter(value for value in values if value is not None)
    others = [n for name, n in counts.items() if name not in bins.categories]
    assert len(bins.categories) == min(len(counts), BINS - 1)
    assert min((counts[name] for name in bins.categories), default=0) >= max(others, default=0)
    shuffled = list(values)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert categories_of(shuffled) == bins


def test_each_feature_is_binned_by_its_kind() -> None:
    bins = fit_bins(training_table(), FEATURES)
    assert set(bins) == set(FEATURES)
    assert bins["carrier"].categories == ("C0", "C1", "C2", "C3", "C4", "C5")
    assert bins["wind"].count == BINS + 1
    flags = bins["unknown plane"].codes(pa.chunked_array([pa.array([False, True, None])]))
    assert len(set(flags.tolist())) == 3


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.builds(Bins, st.lists(st.floats(allow_nan=False), max_size=19).map(tuple))
        | st.builds(Bins, categories=st.lists(st.text(max_size=5), max_size=19).map(tuple)),
        max_size=5,
    )
)
def test_bins_come_back_exactly_from_json(bins: dict[str, Bins]) -> None:
    assert from_json(json.loads(json.dumps(to_json(bins)))) == bins
