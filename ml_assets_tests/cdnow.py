"""The shop pipeline on orders of one's choice, and as the literature looks at its customers."""

from __future__ import annotations

import csv
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

from ml_assets_tests.sandbox import Sandbox, copied, example

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = ("customer_id", "date", "number_of_cds", "dollar_value")


def dataset(name: str) -> Path:
    """Return a file of the data sets that the package Lifetimes brings along."""
    return Path(str(distribution("Lifetimes").locate_file(f"lifetimes/datasets/{name}")))


def master() -> list[list[str]]:
    """Return the orders of all 23,570 customers."""
    return _fields(dataset("CDNOW_master.txt"))[1:]


def sample() -> list[list[str]]:
    """Return the orders of every tenth customer under the numbers of the published summary."""
    return [fields[1:] for fields in _fields(dataset("CDNOW_sample.txt"))]


def write_shop(root: Path, orders: Sequence[Sequence[str]], *, month_end: bool = False) -> Sandbox:
    """Write a copy of the pipeline under `root` whose source has these orders.

    At `month_end` all customers are observed on the last day of the month.
    """
    box = copied(example("shop"), root)
    with box.source("purchases").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *orders])
    if month_end:
        box.replace(
            "cleaned.customer_months",
            "least(day(first_on), day(last_day(month)))",
            "day(last_day(month))",
        )
    return box


def _fields(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
