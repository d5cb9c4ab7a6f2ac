"""The report, the table and the sentence about the declared policy."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ml_assets.backtest.finding import finding
from ml_assets.backtest.page import render, write_page
from ml_assets.backtest.table import markdown
from ml_assets.ml.results import Estimate
from ml_assets_tests.reports.pages import Page

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.backtest.compare import Comparison
    from ml_assets_tests.backtest.conftest import Told
    from ml_assets_tests.sandbox import Sandbox


@pytest.fixture(scope="module")
def found(compared: Told) -> Comparison:
    """All policies compared."""
    return compared.found


def test_the_page_is_well_formed_and_fetches_nothing(found: Comparison) -> None:
    page = Page(render(found))
    assert not [
        value for name, value in page.attributes if name in {"src", "href"} and "//" in value
    ]
    assert page.tags.count("svg") == len(found.results) * 2 - 1
    assert len(render(found)) < 200_000


def test_the_page_tells_every_policy_and_every_decision(found: Comparison) -> None:
    text = Page(render(found)).text
    for result in found.results:
        assert result.course.policy.description in text
        if result.course.policy.name not in {"never", "weekly"}:
            assert all(" ".join(e.decision.reason.split()) in text for e in result.course.events)
    assert finding(found).headline in text


def test_what_comes_from_data_is_escaped(found: Comparison) -> None:
    course = found.results[2].course
    event = course.events[0]
    bad = replace(event, decision=replace(event.decision, reason="<script>alert(1)</script>"))
    result = replace(found.results[2], course=replace(course, events=[bad]))
    page = Page(render(replace(found, results=[*found.results[:2], result])))
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.text


def test_many_partitions_are_drawn_and_not_listed(found: Comparison) -> None:
    keys = tuple(f"2024-{day:03d}" for day in range(200))
    results = [replace(one, regret=[one.regret[-1]] * 200) for one in found.results]
    page = Page(render(replace(found, keys=keys, results=results)))
    assert page.tags.count("th") < 80


def test_the_page_lies_beside_what_is_kept(parcels: Sandbox, found: Comparison) -> None:
    path: Path = write_page(parcels.pipeline, parcels.settings, found)
    assert path == parcels.settings.data / "backtests" / "shop" / "report.html"
    assert path.read_text(encoding="utf-8") == render(found)


def test_the_table_has_a_line_per_policy_and_one_per_partition(found: Comparison) -> None:
    policies, _, regret = markdown(found).split("\n\n")
    names = [one.course.policy.name for one in found.results]
    assert [line.split("**")[1] for line in policies.splitlines()[2:]] == names
    assert [line.split()[1] for line in regret.splitlines()[2:]] == list(found.keys)
    assert regret.split("\n")[0].split(" | ")[1:] == [names[0], *names[2:-1], f"{names[-1]} |"]
    for table in (policies, regret):
        assert len({line.count("|") for line in table.splitlines()}) == 1
    never, weekly = policies.splitlines()[2:4]
    assert never.endswith("| 0 % |")
    assert re.search(r"\| 14 \| 14 \| [\d,]+ \| 0\.\d{4} \(0\.\d{4} to 0\.\d{4}\) \|", weekly)
    assert weekly.endswith("| 100 % |")


def test_the_finding_says_what_the_declared_policy_gets(found: Comparison) -> None:
    told = finding(found)
    defs = found.results[-1]
    assert defs.share is not None
    assert told.headline == (
        f"The declared policy gets {100 * defs.share.value:.0f} % of the gain of retraining weekly,"
        f" with {defs.course.retrains} retrainings instead of 14."
    )
    assert told.verdict == "model"


def test_the_finding_claims_nothing_that_is_not_shown(found: Comparison) -> None:
    nothing = Estimate(0.001, -0.001, 0.003)
    every = replace(found.results[1], gain=nothing)
    told = finding(replace(found, results=[found.results[0], every]))
    assert told.headline == "Retraining weekly is not shown to gain anything."
    assert told.verdict == "undecided"
    without = finding(replace(found, results=found.results[:-1]))
    assert without.headline == "Retraining weekly helps."
    assert "declared" not in without.headline
