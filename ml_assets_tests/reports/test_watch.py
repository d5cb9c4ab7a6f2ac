"""The loop's page: what is drawn, marked and escaped."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from ml_assets.reports.watch import Line, Mark, Mover, Panel, Watch, draw, render

KEYS = ["2013-09", "2013-10", "2013-11"]
NOW = datetime(2013, 12, 1, 6, tzinfo=UTC)


def panel(**changes: object) -> Panel:
    marks = [
        Mark(at=key, value=value, text=f"{value}", alarm=value > 1.5)
        for key, value in zip(KEYS, (1.0, 1.2, 2.0), strict=True)
    ]
    told = {"name": "Ratio", "note": "a note", "keys": KEYS, "own": marks, **changes}
    return Panel(**told)  # type: ignore[arg-type]


def page(**changes: object) -> str:
    told = {
        "pipeline": "flights",
        "question": "Late?",
        "champion": "Version 3 is live",
        "decision": Line(at=NOW, what="hold", why="nothing is due"),
        "verdicts": [Line(at="calibration", what="alarm", why="2013-11: too low", kind="bad")],
        "panels": [panel()],
        "movers": [Mover(feature="hour", psi=0.3, limit=0.1, importance=0.2, before="1", now="8")],
        "moved_in": "2013-11",
        "decisions": [Line(at=NOW, what="hold", why="nothing is due")],
        "promotions": [Line(at=NOW, what="version 3 went live", why="better", kind="good")],
        **changes,
    }
    return render(Watch(**told))  # type: ignore[arg-type]


def dots(svg: str, kind: str) -> int:
    return sum(one.get("class") == f"dot-{kind}" for one in ET.fromstring(svg).iter("circle"))


def test_what_nothing_was_judged_of_yet_is_told_instead_of_an_empty_table() -> None:
    """As on the day a version goes live."""
    told = "No window of what is live has been judged yet."
    assert told in page(verdicts=[])
    assert "Newest window that could be judged" not in page(verdicts=[])
    assert told not in page()


def test_every_window_is_a_dot_and_those_in_alarm_stand_out() -> None:
    svg = str(draw(panel()))
    assert (dots(svg, "model"), dots(svg, "alarm")) == (2, 1)
    assert "Nov 2013: 2.0" in svg


def test_what_stands_beside_is_drawn_apart() -> None:
    svg = str(draw(panel(other=[Mark(at="2013-09", value=1.1, text="estimate")])))
    assert (dots(svg, "model"), dots(svg, "best")) == (2, 1)


def test_a_later_window_is_drawn_to_the_right_and_a_larger_value_higher() -> None:
    found = [
        (float(one.get("cx", "")), float(one.get("cy", "")))
        for one in ET.fromstring(str(draw(panel()))).iter("circle")
    ]
    assert [x for x, _ in found] == sorted(x for x, _ in found)
    assert [y for _, y in found] == sorted((y for _, y in found), reverse=True)


def test_limits_are_drawn_as_lines_and_lie_inside_the_plot() -> None:
    lines = [[(key, value) for key in KEYS] for value in (0.2, 5.0)]
    paths = [
        str(one.get("d"))
        for one in ET.fromstring(str(draw(panel(limits=[*lines, []])))).iter()
        if one.get("class") == "guide"
    ]
    assert len(paths) == 2
    low, high = (float(re.findall(r",([-\d.]+)", one)[0]) for one in paths)
    assert 0 <= high < low


@pytest.mark.parametrize("level", [None, 1.0])
def test_the_level_of_all_being_well_is_drawn_where_there_is_one(level: float | None) -> None:
    whole = [
        one
        for one in ET.fromstring(str(draw(panel(level=level)))).iter()
        if one.get("class") == "whole"
    ]
    assert len(whole) == (level is not None)


def test_the_page_tells_champion_decision_verdicts_movers_and_what_went_live() -> None:
    text = page()
    for told in ("Version 3 is live", "nothing is due", "too low", "hour", "went live"):
        assert told in text


def test_what_comes_from_data_is_escaped() -> None:
    text = page(question="<script>alert(1)</script>", movers=[])
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_it_opens_offline() -> None:
    text = page()
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert "src=" not in text


def test_before_anything_was_decided_or_scored_it_says_so() -> None:
    text = page(champion="No version is live yet", decision=None, verdicts=[], panels=[], movers=[])
    assert "No version is live yet" in text
    assert "<svg" not in text
