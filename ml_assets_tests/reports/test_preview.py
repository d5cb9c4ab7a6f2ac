from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from ml_assets.reports.preview import preview

from .samples import around, binary, part, regression, with_gain

if TYPE_CHECKING:
    from ml_assets.ml.results import Evaluation


def test_the_finding_the_metrics_and_the_gain() -> None:
    text = preview(binary())
    assert text.startswith("**The model beats all three baselines; the best of them is linear.**")
    assert "|  | model | linear (best baseline) |" in text
    assert "| AUC | 0.755 (0.743 to 0.767) | 0.727 (0.715 to 0.739) |" in text
    assert "on the same rows: 0.0185 (0.0156 to 0.0214)." in text


def test_the_picture_is_an_image_of_its_own() -> None:
    data = preview(binary()).split("base64,")[1].split(")")[0]
    root = ET.fromstring(base64.b64decode(data))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_regression_names_the_unit() -> None:
    text = preview(regression())
    assert "| Mean absolute error, min | 23.0 (21.9 to 24.1) | 26.0 (24.6 to 27.4) |" in text


def many_partitions() -> Evaluation:
    days = [part("_partition", f"2013-01-{1 + i % 28:02d}", 900, 0.7) for i in range(400)]
    return replace(binary(), by_partition=days)


@pytest.mark.parametrize(
    "evaluation",
    [
        binary(),
        regression(),
        with_gain(binary(), None),
        replace(binary(), candidates=binary().candidates[:1]),
        many_partitions(),
    ],
)
def test_small(evaluation: Evaluation) -> None:
    assert len(preview(evaluation).encode()) < 20_000


def test_no_partition_measured_means_no_picture() -> None:
    assert "data:image" not in preview(replace(binary(), by_partition=[]))


def test_names_have_no_meaning_in_markdown() -> None:
    evaluation = with_gain(binary(), around(-0.01, 0.004))
    *others, linear = evaluation.candidates
    named = replace(evaluation, candidates=[*others, replace(linear, name="a|b_c <img>" * 40)])
    text = preview(named)
    assert "<img" not in text.replace("\\<", "")
    assert all(
        line.count("|") - line.count("\\|") == 4 for line in text.split("\n") if line[:1] == "|"
    )
    assert len(text) < 20_000
