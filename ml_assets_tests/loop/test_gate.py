from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy.special import expit
from scipy.stats import binomtest

from ml_assets.errors import DataError
from ml_assets.loop.gate import Operation, Verdict, judge
from ml_assets.loop.gate_spec import GateSpec
from ml_assets.loop.paired import FEWEST_CLUSTERS, FEWEST_OF_A_CLASS, Comparison

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.loop.criterion import Criterion
    from ml_assets.ml.training_table import Floats

SPEC = GateSpec()
SOUND = Operation(
    golden_identical=True,
    signature_known=True,
    champion_latency=100.0,
    challenger_latency=120.0,
    megabytes=2.0,
)
PARTS = np.array(["east", "north", "south", "west"])

seeds = st.integers(0, 2**32 - 1)


def _window(
    rng: np.random.Generator,
    champion: float = 0.6,
    challenger: Sequence[float] = (0.6, 0.6, 0.6, 0.6),
    days: int = 30,
    per_day: int = 100,
) -> Comparison:
    """Return answers whose log odds err by so much, the challenger's by PARTS.

    Days have good and bad luck of .8 in the log odds, which is a design effect of 30 where a day
    has 200 rows, and each model errs by .1 in common for the rows of a day.
    """
    sizes = np.maximum(2, rng.lognormal(0, 0.3, days) * per_day).astype(np.int64)
    clusters = np.repeat(np.arange(days), sizes)
    part = rng.integers(0, len(PARTS), len(clusters))
    truth = -1.2 + 0.8 * rng.standard_normal(len(clusters))
    luck = 0.8 * rng.standard_normal(days)[clusters]

    def answers(noise: float | Floats) -> Floats:
        own = 0.1 * rng.standard_normal(days)[clusters]
        return np.asarray(expit(truth + noise * rng.standard_normal(len(clusters)) + own))

    return Comparison(
        problem="binary",
        label=(rng.random(len(clusters)) < expit(truth + luck)).astype(np.float64),
        champion=answers(champion),
        challenger=answers(np.array(challenger)[part]),
        clusters=clusters,
        slices={"part": PARTS[part]},
    )


def _verdicts(
    trials: int,
    champion: float = 0.6,
    challenger: Sequence[float] = (0.6, 0.6, 0.6, 0.6),
    per_day: int = 100,
) -> list[Verdict]:
    rng = np.random.default_rng(0)
    windows = (_window(rng, champion, challenger, per_day=per_day) for _ in range(trials))
    return [judge(window, SOUND, SPEC) for window in windows]


def _criterion(verdict: Verdict, name: str) -> Criterion:
    return {reason.name: reason for reason in verdict.reasons}[name]


def _share(verdicts: Sequence[Verdict], name: str) -> float:
    """Return the share of verdicts that do not fail in the criterion."""
    return float(np.mean([_criterion(verdict, name).passed is not False for verdict in verdicts]))


def _effect(verdicts: Sequence[Verdict]) -> float:
    """Return the true gain in standard errors, as the trials show it."""
    gains = [verdict.reasons[0].numbers["gain"] for verdict in verdicts]
    return float(np.mean(gains) / np.std(gains))


def _regression(seed: int, worse: float = 1.0) -> Comparison:
    """Return delays in minutes, the challenger's error half the champion's times `worse`."""
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(20), 50)
    label, errors = rng.normal(10, 30, 1000), rng.normal(0, 10, 1000)
    return Comparison(
        problem="regression",
        label=label,
        champion=label + errors,
        challenger=label + worse * errors / 2,
        clusters=clusters,
    )


@pytest.mark.slow
def test_an_equal_challenger_is_promoted_at_the_nominal_rate() -> None:
    verdicts = _verdicts(1000)
    promoted = sum(verdict.passed for verdict in verdicts)
    interval = binomtest(promoted, len(verdicts)).proportion_ci(0.95)
    assert interval.low <= 1 - SPEC.confidence <= interval.high < 0.10


@pytest.mark.slow
def test_a_gain_of_three_standard_errors_is_promoted() -> None:
    verdicts = _verdicts(1000, champion=0.8, challenger=(0.57,) * 4)
    assert 3.0 <= _effect(verdicts) <= 3.3
    assert np.mean([verdict.passed for verdict in verdicts]) >= 0.9


@pytest.mark.slow
def test_a_worse_slice_stops_a_challenger_that_is_better_overall() -> None:
    verdicts = _verdicts(500, champion=0.9, challenger=(0.3, 0.3, 0.3, 1.26), per_day=400)
    west = [_criterion(verdict, "part=west").numbers for verdict in verdicts]
    worse = np.mean([each["challenger"] / each["champion"] - 1 for each in west])
    assert worse == pytest.approx(0.10, abs=0.005)
    assert _share(verdicts, "overall") >= 0.99
    assert 1 - _share(verdicts, "part=west") >= 0.9
    assert not any(v.passed for v in verdicts if _criterion(v, "part=west").passed is False)


@pytest.mark.slow
def test_a_worse_slice_is_stopped_or_said_to_have_too_few_data() -> None:
    """Ten percent worse in a slice of some 700 and of 1,000 rows: it hardly passes unseen."""
    for per_day, stopped in ((90, 0.5), (135, 0.8)):
        verdicts = _verdicts(200, 0.6, (0.6, 0.6, 0.6, 1.04), per_day)
        west = [_criterion(verdict, "part=west") for verdict in verdicts]
        assert np.mean([found.passed is False for found in west]) >= stopped
        assert np.mean([found.passed is True for found in west]) <= 0.06
        unclear = [found.sentence for found in west if found.passed is None]
        assert all("; not enough data: only " in sentence for sentence in unclear)


@pytest.mark.slow
def test_a_large_equal_slice_passes_and_a_small_one_says_not_enough() -> None:
    for per_day, passed in ((400, 0.95), (90, 0.1)):
        verdicts = _verdicts(100, per_day=per_day)
        found = [_criterion(verdict, "part=west").passed for verdict in verdicts]
        assert np.mean([one is True for one in found]) >= passed
        assert any(one is None for one in found) is (per_day == 90)


def test_a_slice_that_proves_nothing_does_not_stop_a_better_challenger() -> None:
    verdicts = _verdicts(50, champion=0.9, challenger=(0.3, 0.3, 0.3, 0.9), per_day=90)
    silent = [v for v in verdicts if _criterion(v, "part=west").passed is None]
    assert silent
    assert any(verdict.passed for verdict in silent)


@pytest.mark.slow
def test_equal_slices_seldom_stop_a_challenger() -> None:
    verdicts = _verdicts(500)
    for part in PARTS:
        assert _share(verdicts, f"part={part}") >= 0.98


@settings(max_examples=50)
@given(seeds, st.integers(0, FEWEST_CLUSTERS - 1), st.floats(0, 1))
def test_too_few_days_never_promote(seed: int, days: int, noise: float) -> None:
    window = _window(np.random.default_rng(seed), 3.0, (noise,) * 4, max(days, 1))
    verdict = judge(window.only(window.clusters < days), SOUND, SPEC)
    assert not verdict.passed
    assert not verdict.enough
    assert verdict.reasons[0].passed is None
    assert verdict.reasons[0].sentence.startswith("Not enough data: ")


@given(st.integers(0, 120), st.booleans())
def test_too_few_of_one_class_never_promote(count: int, ones: bool) -> None:
    rare = np.zeros(1000)
    rare[7 * np.arange(count) % 1000] = 1
    label = rare if ones else 1 - rare
    window = Comparison(
        problem="binary",
        label=label,
        champion=np.full(1000, 0.5),
        challenger=0.02 + 0.96 * label,
        clusters=np.repeat(np.arange(20), 50),
    )
    verdict = judge(window, SOUND, SPEC)
    assert verdict.enough == verdict.passed == (count >= FEWEST_OF_A_CLASS)


@settings(max_examples=25)
@given(seeds)
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    window = _window(rng)
    order = rng.permutation(len(window.label))
    mixed = Comparison(
        problem=window.problem,
        label=window.label[order],
        champion=window.champion[order],
        challenger=window.challenger[order],
        clusters=window.clusters[order],
        slices={"part": window.slices["part"][order]},
    )
    one, other = judge(window, SOUND, SPEC), judge(mixed, SOUND, SPEC)
    assert (one.passed, one.enough) == (other.passed, other.enough)
    for mine, theirs in zip(one.reasons, other.reasons, strict=True):
        assert (mine.name, mine.passed) == (theirs.name, theirs.passed)
        assert mine.numbers == pytest.approx(theirs.numbers, rel=1e-9, abs=1e-12)


@settings(max_examples=25)
@given(seeds)
def test_swapping_the_models_negates_the_gain_and_promotes_at_most_one(seed: int) -> None:
    window = _window(np.random.default_rng(seed))
    swapped = replace(window, champion=window.challenger, challenger=window.champion)
    one, other = judge(window, SOUND, SPEC), judge(swapped, SOUND, SPEC)
    assert one.reasons[0].numbers["gain"] == -other.reasons[0].numbers["gain"]
    assert not (one.passed and other.passed)


def test_a_model_is_no_better_than_itself() -> None:
    window = _window(np.random.default_rng(0))
    verdict = judge(replace(window, challenger=window.champion), SOUND, SPEC)
    assert verdict.enough
    assert [reason.name for reason in verdict.reasons if not reason.passed] == ["overall"]


@pytest.mark.parametrize(
    ("seen", "name", "sentence"),
    [
        (
            replace(SOUND, golden_identical=False),
            "golden rows",
            "A fresh process predicted the golden rows differently: it is not the measured model.",
        ),
        (
            replace(SOUND, signature_known=False),
            "signature",
            "Its inputs are not all among today's features.",
        ),
        (
            replace(SOUND, challenger_latency=301.0),
            "latency",
            "301 microseconds a row, the champion's 100; at most 300 are allowed.",
        ),
        (
            replace(SOUND, megabytes=101.0),
            "size",
            "Packed 101 MB, at most 100 MB are allowed.",
        ),
    ],
)
def test_what_is_seen_of_the_packed_model_can_stop_it(
    seen: Operation, name: str, sentence: str
) -> None:
    window = _regression(0)
    assert judge(window, SOUND, SPEC).passed
    verdict = judge(window, seen, SPEC)
    assert not verdict.passed
    assert [reason.name for reason in verdict.reasons if not reason.passed] == [name]
    assert _criterion(verdict, name).sentence == sentence


def test_a_model_that_is_fast_enough_may_be_many_times_slower_than_a_tiny_champion() -> None:
    seen = replace(SOUND, champion_latency=10.0, challenger_latency=150.0)
    assert judge(_regression(0), seen, SPEC).passed


def test_a_smaller_loss_does_not_excuse_a_larger_rmse() -> None:
    window = _regression(0)
    challenger = window.challenger.copy()
    challenger[::50] += 120
    verdict = judge(replace(window, challenger=challenger), SOUND, SPEC)
    assert _criterion(verdict, "overall").passed
    assert _criterion(verdict, "rmse").passed is False
    assert not verdict.passed


@pytest.mark.parametrize(("worse", "passed"), [(2.03, True), (2.05, False)])
def test_the_margin_of_the_rmse_is_one_of_the_root(worse: float, passed: bool) -> None:
    found = _criterion(judge(_regression(0, worse), SOUND, SPEC), "rmse")
    assert found.numbers["challenger"] == pytest.approx(found.numbers["champion"] * worse / 2)
    assert found.passed is passed


def test_a_larger_brier_score_stops_a_challenger() -> None:
    verdicts = _verdicts(50, champion=0.3, challenger=(1.5,) * 4, per_day=300)
    assert _share(verdicts, "brier") == 0


@pytest.mark.parametrize("name", ["brier", "calibration"])
def test_where_a_worse_answer_would_not_be_found_there_are_not_enough_data(name: str) -> None:
    """As in slices: a small window proves nothing, which stops nobody, and a large one passes."""
    few = _window(np.random.default_rng(0), 0.9, (0.3,) * 4, days=FEWEST_CLUSTERS, per_day=20)
    small = judge(few, SOUND, SPEC)
    found = _criterion(small, name)
    assert found.passed is None
    assert "; not enough data: only " in found.sentence
    assert small.passed
    large = _criterion(judge(_window(np.random.default_rng(0), days=300), SOUND, SPEC), name)
    assert large.passed
    assert "not enough data" not in large.sentence


def test_an_rmse_that_one_day_decides_is_not_judged() -> None:
    window = _regression(0)
    bad_day = np.where(window.clusters == 3, 40.0, 0.0)
    challenger = window.challenger + bad_day
    found = _criterion(judge(replace(window, challenger=challenger), SOUND, SPEC), "rmse")
    assert found.passed is None
    assert found.sentence.endswith("% worse would be found in nine of ten looks.")


def test_a_challenger_that_promises_too_much_stops_at_calibration() -> None:
    window = _window(np.random.default_rng(1), days=120)
    challenger = expit(np.log(window.champion / (1 - window.champion)) + 0.8)
    verdict = judge(replace(window, challenger=challenger), SOUND, SPEC)
    found = _criterion(verdict, "calibration")
    assert found.passed is False
    assert found.numbers["farther"] > SPEC.calibration_margin
    assert ", with 95 % confidence beyond the margin of 0.05." in found.sentence


def test_a_slice_without_support_does_not_stop_a_better_challenger() -> None:
    window = _regression(0)
    part = np.where(np.arange(1000) % 50 == 0, "rare", "rest")
    verdict = judge(replace(window, slices={"is": part}), SOUND, SPEC)
    assert _criterion(verdict, "is=(not judged)").passed is None
    assert verdict.passed


def test_a_slice_without_support_is_named_and_not_judged() -> None:
    window = _window(np.random.default_rng(0))
    early = window.clusters < FEWEST_CLUSTERS - 1
    part = np.where(early, window.slices["part"], "east")
    verdict = judge(replace(window, slices={"part": part}), SOUND, SPEC)
    names = [reason.name for reason in verdict.reasons if reason.name.startswith("part=")]
    assert names == ["part=east", "part=(not judged)"]
    found = _criterion(verdict, "part=(not judged)")
    assert found.passed is None
    assert found.sentence == "part: not enough data to judge 3 values (north, south, west)."


@pytest.mark.parametrize(
    ("rows", "days", "judged"), [(500, 14, True), (499, 14, False), (500, 13, False)]
)
def test_support_is_a_number_of_rows_and_of_days(rows: int, days: int, judged: bool) -> None:
    window = _regression(0)
    spread = np.flatnonzero(window.clusters < days)
    part = np.full(1000, "rest")
    part[spread[np.linspace(0, len(spread) - 1, rows).astype(np.int64)]] = "part"
    verdict = judge(replace(window, slices={"is": part}), SOUND, SPEC)
    assert ("is=part" in [reason.name for reason in verdict.reasons]) is judged


def test_no_slice_is_judged_where_the_window_is_too_small() -> None:
    window = _window(np.random.default_rng(0), days=FEWEST_CLUSTERS - 1)
    reasons = judge(window, SOUND, SPEC).reasons
    names = [reason.name for reason in reasons]
    assert names == ["overall", "golden rows", "signature", "latency", "size"]
    assert reasons[0].sentence == "Not enough data: 13 days, fewer than 14."


def test_a_verdict_reads_as_sentences() -> None:
    window = _window(np.random.default_rng(0), 0.9, (0.3, 0.3, 0.3, 1.5), per_day=400)
    reasons = judge(window, SOUND, SPEC).reasons
    assert [(reason.passed, reason.sentence) for reason in reasons] == [
        (
            True,
            "Mean log loss 0.5795, the champion's 0.5969, on 11,892 rows in 30 days: "
            "a gain of 0.0174, with 95 % confidence above 0.00483: better.",
        ),
        (
            True,
            "Brier score 0.1914, the champion's 0.1992, on 11,892 rows in 30 days: 3.93 % better.",
        ),
        (
            None,
            "26 % happened, the challenger promised 27.2 %, the champion 28.2 %: "
            "observed / expected is 0.031 nearer to 1; not enough data: only 0.12 farther would be "
            "found in nine of ten looks.",
        ),
        (
            True,
            "part east: mean log loss 0.5401, the champion's 0.6027, on 2,999 rows in 30 days: "
            "10.4 % better.",
        ),
        (
            True,
            "part north: mean log loss 0.5325, the champion's 0.5778, on 2,904 rows in 30 days: "
            "7.83 % better.",
        ),
        (
            True,
            "part south: mean log loss 0.5287, the champion's 0.5936, on 2,991 rows in 30 days: "
            "10.9 % better.",
        ),
        (
            False,
            "part west: mean log loss 0.7151, the champion's 0.6131, on 2,998 rows in 30 days: "
            "16.7 % worse, with 95 % confidence beyond the margin of 2 %.",
        ),
        (True, "A fresh process predicted the golden rows identically."),
        (True, "Its inputs are among today's features."),
        (True, "120 microseconds a row, the champion's 100; at most 300 are allowed."),
        (True, "Packed 2 MB, at most 100 MB are allowed."),
    ]


@pytest.mark.parametrize("answer", [np.nan, 1.2, -0.1])
def test_an_answer_that_is_no_probability_is_refused(answer: float) -> None:
    window = _window(np.random.default_rng(0))
    challenger = window.challenger.copy()
    challenger[5] = answer
    with pytest.raises(DataError):
        judge(replace(window, challenger=challenger), SOUND, SPEC)


def test_columns_of_different_lengths_are_refused() -> None:
    window = _window(np.random.default_rng(0))
    with pytest.raises(DataError, match=r"The compared rows differ in number: .*'part': 3"):
        replace(window, slices={"part": PARTS[:3]})


@pytest.mark.parametrize(
    "declared",
    [
        {"confidence": 0.5},
        {"confidence": 1.0},
        {"slice_margin": -0.1},
        {"minimum_clusters": FEWEST_CLUSTERS - 1},
        {"latency_factor": 0.5},
        {"unknown": 1},
    ],
)
def test_a_gate_that_cannot_work_is_refused(declared: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(GateSpec).validate_python(declared)
