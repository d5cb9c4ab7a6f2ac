"""Declared baselines that cannot be what they are declared as are named when the folder is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DeclarationError
from ml_assets.tables.recipes import recipes
from ml_assets_tests.shop import ask_for_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets_tests.sandbox import Sandbox

GOOD = """
def fit(label, id, amount):
    return {}


def predict(parameters, amount):
    return amount
"""


def declared(shop: Sandbox, names: Sequence[str], text: str = GOOD, file: str = "own.py") -> None:
    (shop.folder / file).write_text(text, encoding="utf-8")
    shop.declare(lambda attributes: attributes["model"].update(baselines=list(names)))


def test_files_are_read_and_built_in_ones_are_not(shop: Sandbox) -> None:
    declared(shop, ["linear", "own.py"])
    (found,) = recipes(shop.pipeline)
    assert (found.name, found.text) == ("own", GOOD)
    assert found.takes("fit") == ("id", "amount")
    assert found.takes("predict") == ("amount",)


@pytest.mark.parametrize(
    ("names", "text", "file", "said"),
    [
        (["other.py"], GOOD, "own.py", "names 'other.py', which is no baseline"),
        (["constant"], GOOD, "own.py", "names 'constant', which is no baseline"),
        (["own.py", "own.py"], GOOD, "own.py", "names one twice: own.py, own.py"),
        (["linear.py"], GOOD, "linear.py", "linear is another candidate"),
        (["own.py"], "def fit():\n    return 1\n", "own.py", "no function 'predict'"),
        (["own.py"], GOOD.replace("id", "paid_at"), "own.py", "fit of own.py takes 'paid_at'"),
        (
            ["own.py"],
            GOOD.replace("parameters, amount", "parameters, id"),
            "own.py",
            "predict of own.py takes 'id'",
        ),
        (
            ["own.py"],
            GOOD.replace("parameters, amount", "parameters"),
            "own.py",
            "predict of own.py takes no feature",
        ),
        (["own.py"], "def fit(:\n", "own.py", "own.py:1: SyntaxError"),
    ],
)
def test_a_wrong_one_is_named(
    shop: Sandbox, names: list[str], text: str, file: str, said: str
) -> None:
    declared(shop, names, text, file)
    with pytest.raises(DeclarationError, match=said):
        _ = shop.pipeline


def test_a_rate_needs_its_columns(shop: Sandbox) -> None:
    shop.declare(
        lambda attributes: attributes["model"].update(baselines=["rate"], rate_baseline=[])
    )
    with pytest.raises(DeclarationError, match="rate_baseline has no columns"):
        _ = shop.pipeline


@pytest.mark.parametrize(("function", "first"), [("fit", "label"), ("predict", "parameters")])
def test_classes_are_for_several_classes(shop: Sandbox, function: str, first: str) -> None:
    text = GOOD.replace(f"def {function}({first}", f"def {function}({first}, classes")
    declared(shop, ["own.py"], text)
    with pytest.raises(DeclarationError, match=f"{function} of own.py takes 'classes', which only"):
        _ = shop.pipeline
    ask_for_classes(shop)
    (found,) = recipes(shop.pipeline)
    assert found.takes(function) == (("id", "amount") if function == "fit" else ("amount",))
