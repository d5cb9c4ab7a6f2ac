"""Metrics declared by a pipeline: found beside its YAML, and measured in its evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DeclarationError
from ml_assets.ml.declared import metric_columns
from ml_assets.tables.metrics import declared_metrics
from ml_assets_tests.shop import ask_for_classes

if TYPE_CHECKING:
    from ml_assets_tests.sandbox import Sandbox

CODE = """\
def shown(label, score, id, paid_week, limit=3):
    \"\"\"Paid in the week.

    And more.
    \"\"\"
    return float((score * paid_week).mean() + 0 * id.sum())


def auc(label, score):
    return 0.5


def surprise(label, score, classes):
    return 0.5


def strange(label, colour):
    return 0.5
"""


def declare(box: Sandbox, *metrics: object) -> None:
    (box.folder / "own.py").write_text(CODE, encoding="utf-8")
    box.declare(lambda declared: declared["evaluation"].update(metrics=list(metrics)))


def test_a_metric_takes_what_its_arguments_name(shop: Sandbox) -> None:
    declare(shop, {"function": "own.py:shown", "smaller_is_better": True})
    (metric,) = declared_metrics(shop.pipeline)
    assert (metric.name, metric.meaning) == ("shown", "Paid in the week.")
    assert metric.takes == ("label", "score", "id", "paid_week")
    assert metric.smaller_is_better
    assert metric_columns([metric], ["id"]) == ["paid_week"]
    assert metric_columns([metric], ["paid_week", "id"]) == []


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("own.py:strange", ["takes 'colour', which is no column", "label, score, day, id"]),
        ("own.py:auc", ["'auc' is the name of two metrics"]),
        ("own.py:show", ["no function 'show'", "Did you mean 'shown'?"]),
        ("gone.py:shown", ["gone.py does not exist"]),
    ],
)
def test_a_wrong_metric_fails_the_load(shop: Sandbox, reference: str, words: list[str]) -> None:
    declare(shop, reference)
    with pytest.raises(DeclarationError) as caught:
        _ = shop.pipeline
    for word in words:
        assert word in str(caught.value)


def test_classes_are_for_several_classes(shop: Sandbox) -> None:
    declare(shop, "own.py:surprise")
    with pytest.raises(DeclarationError, match=r"takes 'classes', which is no column"):
        _ = shop.pipeline
    ask_for_classes(shop)
    (metric,) = declared_metrics(shop.pipeline)
    assert metric.takes == ("label", "score", "classes")
    assert metric.columns == ()


def test_two_of_one_name_fail_the_load(shop: Sandbox) -> None:
    declare(shop, "own.py:shown", "own.py:shown")
    with pytest.raises(DeclarationError, match="'shown' is the name of two metrics"):
        _ = shop.pipeline
