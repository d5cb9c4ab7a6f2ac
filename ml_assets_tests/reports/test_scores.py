from __future__ import annotations

from dataclasses import replace

import pytest

from ml_assets.ml.results import Candidate, Evaluation, MetricFacts
from ml_assets.reports import view
from ml_assets.reports.preview import preview
from ml_assets.reports.remarks import remarks
from ml_assets.reports.report import render
from ml_assets.reports.scores import ahead, best, metric

from .samples import around, binary, context

OWN = "money_lost"


def declaring(*, smaller_is_better: bool) -> Evaluation:
    """An evaluation whose pipeline declares a metric; the model has the smallest value."""
    found = binary()

    def measured(candidate: Candidate, value: float) -> Candidate:
        return replace(candidate, metrics={**candidate.metrics, OWN: around(value, 0.5)})

    return replace(
        found,
        candidates=[measured(one, 10 + place) for place, one in enumerate(found.candidates)],
        declared={OWN: MetricFacts("What <slips> through.", smaller_is_better)},
    )


@pytest.mark.parametrize(("smaller", "winner"), [(True, "lightgbm"), (False, "linear")])
def test_a_declared_metric_has_its_direction(*, smaller: bool, winner: str) -> None:
    found = declaring(smaller_is_better=smaller)
    first = best(OWN, found.candidates, found)
    assert first is not None
    assert first.name == winner
    assert ahead(OWN, 1, 2, found) is smaller
    row = next(row for row in view.rows(found) if row.candidate.name == winner)
    assert OWN in row.best_on
    verb = "is also ahead" if smaller else "is behind"
    assert any(verb in text and "money lost (" in text for text in remarks(found))


def test_the_report_says_what_it_means() -> None:
    html = render(declaring(smaller_is_better=True), context())
    assert "What &lt;slips&gt; through. Smaller is better." in html
    assert "<h3>Money lost" in html
    assert "Money lost" in preview(declaring(smaller_is_better=True))


def test_an_unknown_metric_has_no_winner() -> None:
    found = replace(declaring(smaller_is_better=True), declared={})
    assert metric(OWN, found).smaller_is_better is None
    assert best(OWN, found.candidates, found) is None
