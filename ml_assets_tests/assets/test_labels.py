"""Labels that cannot train, through the model asset: one class only, and too few rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets_tests.assets.running import failed, ran, run

if TYPE_CHECKING:
    from typing import Any

    from ml_assets_tests.sandbox import Sandbox


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"label": {"value": "days_to_pay < 0"}}, ["one class", "0"]),
        ({"model": {"minimum_rows": 5000}}, ["5,000", "rows"]),
    ],
    ids=["one class", "too few rows"],
)
def test_labels_that_cannot_train_are_named(
    shop: Sandbox, declared: dict[str, dict[str, Any]], words: list[str]
) -> None:
    for part, changes in declared.items():
        shop.declare(lambda all_, part=part, changes=changes: all_[part].update(changes))  # type: ignore[misc]
    result = run(shop, "training_set", "model", "evaluation")
    assert ran(result) == {"training_set", "model"}
    for word in words:
        assert word in failed(result)["model"]
