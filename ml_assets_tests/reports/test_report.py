from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from ml_assets.ml.results import Evaluation, Importance
from ml_assets.reports.context import ReportContext, TableAccounting, TimeTravel
from ml_assets.reports.report import render

from .pages import Page
from .samples import around, binary, context, part, regression, with_gain

EVIL = "<script>alert('x')</script> & \"quoted\""


def page(evaluation: Evaluation | None = None, about: ReportContext | None = None) -> Page:
    return Page(render(evaluation or binary(), about or context()))


def bare() -> Evaluation:
    empty: dict[str, Any] = {"by_partition": [], "by_slice": [], "importance": []}
    empty |= {"calibration": [], "roc": {}, "precision_recall": {}}
    return replace(binary(), candidates=binary().candidates[:1], **empty)


def test_the_numbers_appear() -> None:
    text = page().text
    for expected in (
        "Will a flight arrive 15 or more minutes late?",
        "The model beats all three baselines",
        "0.755",
        "0.743 to 0.767",
        "111,866 rows over 122 days",
        "24,391 rows, 21.8 %",
        "0.0185 0.0156 to 0.0214",
        "flights, version 3",
        "champion",
    ):
        assert expected in text


def test_what_went_in_and_what_did_not() -> None:
    text = page().text
    for expected in (
        "cleaned.arrivals from raw.flights 336,776 327,346 3 0 9,427",
        "excluded cancelled 8,255",
        "rejected wind_speed is 1048.36, at most 200 allowed 1",
        "label not mature 112",
        "Trained on 215,380",
        "cleaned.planes (3,322 rows)",
        "features.history no difference 4 612,334",
    ):
        assert expected in text
    assert "above 1440" not in text, "a reason without rows is noise"
    assert "not accounted for" not in text


def test_where_it_came_from() -> None:
    text = page().text
    for expected in (
        "9f2c" * 16,
        "Lake snapshot 41",
        "0af1c2d3e4b5968778695a4b3c2d1e0f",
        "5d0cc2cb-54a7-4d8b-8d5c-3a1f7e7c1d11",
        "b1946ac92492",
        "ml-assets reproduce flights/3",
        "num_leaves 127",
        "lightgbm 4.7.0",
        "Jan 2013 to Aug 2013",
        "The tuning window lies inside the training window",
    ):
        assert expected in text


def test_lost_rows_and_leaks_are_shouted() -> None:
    lost = TableAccounting(table="cleaned.x", driving="raw.x", rows_in=10, kept=7)
    leak = TimeTravel(table="features.y", passed=False, cutoffs=4, rows=9, leaking=("dep_delay",))
    text = page(about=replace(context(), accounting=(lost,), time_travel=(leak,))).text
    assert "3 keys are not accounted for." in text
    assert "sees the future: dep_delay" in text


def test_the_interval_method_is_stated() -> None:
    assert "Days are drawn, not rows" in page().text


def test_what_a_slice_needs_to_be_measured_is_said() -> None:
    few = "Slices with fewer than 500 rows, fewer than 5 days or one outcome only are named but not"
    assert few in page().text
    numbers = page(replace(regression(), minimum_support=1200)).text
    assert "Slices with fewer than 1,200 rows or fewer than 5 days are named but not" in numbers


def test_slices_are_sorted_and_small_ones_not_measured() -> None:
    text = page().text
    assert text.index("MQ 8,000") < text.index("US 5,600") < text.index("UA 20,000")
    assert "OO 29 17.2 % too few rows" in text
    one_sided = replace(part("carrier", "ZZ", 900, None), positives=0)
    assert "one outcome only" in page(replace(binary(), by_slice=[one_sided])).text


def test_regression_has_its_unit_and_no_curves() -> None:
    found = page(regression())
    assert "23.0 min" in found.text
    assert "Receiver operating characteristic" not in found.text
    assert "Positive" not in found.text


@pytest.mark.parametrize(
    ("evaluation", "css"),
    [
        (binary(), "finding model"),
        (with_gain(binary(), around(-0.01, 0.004)), "finding baseline"),
        (with_gain(binary(), around(0.0, 0.004)), "finding undecided"),
        (bare(), "finding uncompared"),
    ],
)
def test_the_look_follows_the_verdict(evaluation: Evaluation, css: str) -> None:
    assert ("class", css) in page(evaluation).attributes


def test_nothing_measured_leaves_its_section_out() -> None:
    about = replace(context(), accounting=(), tables=(), time_travel=())
    text = page(bare(), about).text
    assert "Over time" not in text
    assert "Slices" not in text
    assert "Importance" not in text
    assert "The model was not compared with any baseline." in text


def test_everything_from_data_is_escaped() -> None:
    evaluation = binary()
    model, *baselines = evaluation.candidates
    evil = replace(
        evaluation,
        candidates=[model, *(replace(b, name=b.name + EVIL, description=EVIL) for b in baselines)],
        by_slice=[part(EVIL, EVIL, 1000, 0.7), part(EVIL, EVIL, 10, None)],
        by_partition=[part("_partition", EVIL, 1000, 0.7)],
        importance=[Importance(EVIL, 1.0, 1.0)],
        roc={EVIL: evaluation.roc["linear"]},
    )
    lost = TableAccounting(table=EVIL, driving=EVIL, rows_in=1, kept=0, rejected={EVIL: 1})
    model_facts = replace(context().model, name=EVIL, parameters={EVIL: EVIL}, left_out={EVIL: 1})
    about = replace(
        context(),
        pipeline=EVIL,
        question=EVIL,
        description=EVIL,
        accounting=(lost,),
        model=model_facts,
    )
    found = page(evil, about)
    assert "script" not in found.tags
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert found.text.count("alert('x')") > 15


@pytest.mark.parametrize("evaluation", [binary(), regression(), bare()])
def test_nothing_is_fetched_and_nothing_runs(evaluation: Evaluation) -> None:
    html = render(evaluation, context())
    found = Page(html)
    assert not re.search(r"(?:https?:)?//\w", html)
    assert not re.search(r"@import|url\(", html)
    assert not {"script", "link", "img", "iframe", "object"} & set(found.tags)
    links = [value for name, value in found.attributes if name in ("href", "src")]
    anchors = {value for name, value in found.attributes if name == "id"}
    assert links
    assert all(link[0] == "#" and link[1:] in anchors for link in links)


def test_charts_have_a_text_alternative() -> None:
    html = render(binary(), context())
    charts = re.findall(r'<svg class="chart"[^>]*>', html)
    assert len(charts) == 6
    assert all('role="img"' in chart and "aria-label=" in chart for chart in charts)
    assert not re.search(r"\bnan\b", html)


def test_thousands_of_slices_stay_below_two_megabytes() -> None:
    parts = [
        part(dimension, f"{dimension} value {i}", 600 + i, 0.7)
        for dimension in ("origin", "carrier", "destination")
        for i in range(3000)
    ]
    days = [
        part("_partition", f"2013-{m:02d}-{d:02d}", 900, 0.7)
        for m in range(1, 13)
        for d in range(1, 29)
    ]
    features = [Importance(f"feature {i}", 0.1, 0.001) for i in range(1000)]
    many = replace(binary(), by_slice=parts, by_partition=days, importance=features)
    html = render(many, context())
    assert len(html.encode()) < 2_000_000
    assert "2,800 slices with fewer rows are not shown." in Page(html).text
