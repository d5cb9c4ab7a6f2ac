from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.monitors.binning import Bins
from ml_assets.monitors.days import SCORE, SUMS, Days
from ml_assets.monitors.statistics import statistics

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats

BINS = {
    "x": Bins(edges=(-1.0, 0.0, 1.0)),
    "c": Bins(categories=("a", "b")),
    SCORE: Bins(edges=(0.25, 0.5, 0.75)),
}


@dataclass(frozen=True)
class Row:
    """One scored row; a label of None is not known yet."""

    day: int
    score: float
    label: int | None
    x: float | None
    c: str | None


rows = st.lists(
    st.builds(
        Row,
        st.integers(0, 4),
        st.floats(0.01, 0.99),
        st.none() | st.integers(0, 1),
        st.none() | st.floats(-3, 3),
        st.none() | st.sampled_from(["a", "b", "never seen"]),
    ),
    max_size=40,
)


def counted(found: list[Row], problem: str = "binary") -> Days:
    features = pa.table(
        {
            "x": pa.array([row.x for row in found], pa.float64()),
            "c": pa.array([row.c for row in found], pa.string()),
        }
    )
    return statistics(
        problem,
        np.datetime64("2013-05-01", "D") + np.array([row.day for row in found], np.int64),
        np.array([row.score for row in found]),
        np.array([np.nan if row.label is None else row.label for row in found], np.float64),
        features,
        BINS,
    )


def sums(days: Days) -> dict[str, Floats]:
    return {name: getattr(days, name) for name in SUMS}


@given(rows)
def test_the_sums_are_those_of_each_day(found: list[Row]) -> None:
    days = counted(found)
    own = sorted({row.day for row in found})
    assert days.dates.tolist() == (np.datetime64("2013-05-01", "D") + np.array(own, int)).tolist()
    for number, day in enumerate(own):
        there = [row for row in found if row.day == day]
        p = np.array([row.score for row in there])
        known = [row for row in there if row.label is not None]
        q, y = np.array([row.score for row in known]), np.array([row.label for row in known])
        truth = {
            "rows": len(there),
            "score": p.sum(),
            "expected_loss": -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(),
            "labelled": len(known),
            "awaited": len(there) - len(known),
            "labelled_label": y.sum(),
            "labelled_score": q.sum(),
            "labelled_variance": (q * (1 - q)).sum(),
            "labelled_loss": -np.log(np.where(y == 1, q, 1 - q)).sum(),
        }
        seen = {name: values[number] for name, values in sums(days).items()}
        assert seen == pytest.approx(truth)


@given(rows)
def test_the_histograms_sum_to_the_rows(found: list[Row]) -> None:
    days = counted(found)
    assert set(days.histograms) == set(BINS)
    for name, counts in days.histograms.items():
        assert counts.shape == (len(days), BINS[name].count)
        assert np.array_equal(counts.sum(axis=1), days.rows)
    nulls = sum(row.x is None for row in found)
    assert days.histograms["x"][:, -1].sum() == nulls
    assert days.histograms["c"][:, -1].sum() == sum(row.c is None for row in found)
    assert days.histograms["c"][:, -2].sum() == sum(row.c == "never seen" for row in found)
    assert days.histograms[SCORE][:, -1].sum() == 0


@given(rows, st.randoms())
def test_labels_that_are_not_known_change_nothing_but_the_rows(
    found: list[Row], rng: object
) -> None:
    """Rows without a label are counted, and their labels are never."""
    known = [row for row in found if row.label is not None]
    whole, alone = counted(found), counted(known)
    both = np.isin(whole.dates, alone.dates)
    for name, values in sums(whole).items():
        if name.startswith("labelled"):
            assert np.allclose(values[both], sums(alone)[name], rtol=1e-12)
            assert not values[~both].any()
    shuffled = list(found)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    for name, values in sums(counted(shuffled)).items():
        assert np.allclose(values, sums(whole)[name], rtol=1e-12)


def test_a_day_without_labels_is_a_day_all_the_same() -> None:
    days = counted([Row(0, 0.5, None, 1.0, "a"), Row(3, 0.5, 1, 1.0, "a")])
    assert days.rows.tolist() == [1, 1]
    assert days.labelled.tolist() == [0, 1]
    assert days.labelled_loss.tolist() == [0, pytest.approx(np.log(2))]


def test_of_regression_the_loss_is_absolute_and_nothing_is_expected() -> None:
    found = [Row(0, 0.5, 1, None, None), Row(0, 0.25, 0, None, None), Row(0, 0.9, None, 0, "a")]
    days = counted(found, "regression")
    assert days.labelled_loss.tolist() == [0.75]
    assert days.labelled_variance.tolist() == [0.5**2 + 0.25**2]
    assert np.isnan(days.expected_loss).all()
    assert (days.rows.tolist(), days.labelled.tolist()) == ([3], [2])


def test_a_score_of_certainty_expects_no_loss() -> None:
    days = counted([Row(0, 1.0, 1, None, None), Row(0, 0.0, 0, None, None)])
    assert days.expected_loss.tolist() == [pytest.approx(0, abs=1e-12)]
    assert np.isfinite(days.labelled_loss).all()
