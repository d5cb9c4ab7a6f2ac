from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets.errors import DataError
from ml_assets.monitors.findings import Replay, Terms, Verdict, replay, too_small, with_labels
from ml_assets_tests.monitors.labelled import mature, summed

if TYPE_CHECKING:
    from ml_assets.monitors.days import Days


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1])
def test_what_is_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(DataError, match=f"{rate:g} is no false-alarm rate"):
        Terms(problem="binary", rate=rate, seed=0)


@pytest.mark.parametrize(("rate", "draws"), [(0.1, 4000), (0.0025, 4000), (0.001, 10_000)])
def test_a_rare_alarm_takes_as_many_draws_as_show_it(rate: float, draws: int) -> None:
    assert Terms(problem="binary", rate=rate, seed=0).draws == draws


def test_what_is_missing_is_counted() -> None:
    enough, short = (
        summed([100] * 20, [20] * 20, [20] * 20),
        summed([100] * 13, [20] * 13, [1] * 13),
    )
    rare = summed([100] * 20, [9] * 20, [9] * 20)
    assert too_small(enough, enough, "binary") == ""
    assert too_small(enough, rare, "regression") == ""
    assert too_small(rare, enough, "binary") == ""
    assert too_small(enough, short, "binary") == "the window has 13 days with labels of at least 14"
    assert too_small(short, enough, "binary").startswith("the reference has 13 days")
    assert too_small(enough, rare, "binary") == "the window has 180 positives of at least 200"


def test_days_without_labels_are_left_out() -> None:
    days = summed([10, 0, 10], [1, 0, 2], [1, 0, 1])
    assert with_labels(days).dates.tolist() == days.dates[[0, 2]].tolist()
    assert len(with_labels(mature(days, 0.5))) == 2


def test_a_replay_judges_each_window_against_the_other_days() -> None:
    reference = summed([10] * 30, [1] * 30, np.arange(30.0).tolist())
    seen: list[tuple[float, int]] = []

    def judge(rest: Days, own: Days) -> Verdict:
        seen.append((float(own.labelled_score[0]), len(rest)))
        assert not set(rest.dates.tolist()) & set(own.dates.tolist())
        verdicts: list[Verdict] = ["alarm", "not enough data", "ok", "alarm"]
        return verdicts[len(seen) - 1]

    assert replay(reference, 7, judge) == Replay(windows=3, fired=2)
    assert seen == [(0.0, 23), (7.0, 23), (14.0, 23), (21.0, 23)]
    assert str(Replay(3, 2)) == "2 of 3 windows of the reference would have fired"


@pytest.mark.parametrize(
    ("windows", "fired", "silences"),
    [(6, 3, True), (6, 2, False), (8, 3, True), (9, 3, False), (5, 5, False), (0, 0, False)],
)
def test_an_alarm_that_fires_in_a_third_of_the_reference_is_silenced(
    windows: int, fired: int, silences: bool
) -> None:
    past = Replay(windows, fired)
    said = f"{fired} of {windows} windows of the reference would have fired"
    if silences:
        assert {past.verdict(alarm=True), past.verdict(alarm=False)} == {"not enough data"}
        assert str(past) == f"{said}, too many for a verdict"
    else:
        assert (past.verdict(alarm=True), past.verdict(alarm=False)) == ("alarm", "ok")
        assert str(past) == said
