"""A small stream of payments: few customers, so that every table is built in seconds."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from ml_assets_tests.sandbox import Sandbox, example

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SMALL = {"customers": 60, "terminals": 150}
"""Options of the generator; so few terminals stand apart, and some customers reach none."""
LAST = "2018-06-10"
"""In the tenth week: the longest window and its delay are past."""


def write_payments(
    root: Path, options: Mapping[str, Any] = SMALL, end: str | None = LAST
) -> Sandbox:
    """Write a copy of the payments pipeline under `root` whose stream is small, to day `end`."""
    box = Sandbox(root, "payments")
    shutil.copytree(example("payments"), box.folder, ignore=shutil.ignore_patterns("__pycache__"))

    def shrink(declared: dict[str, Any]) -> None:
        declared["raw"]["transactions"]["source"]["options"] = dict(options)
        # So few compromised terminals and customers differ more from day to day.
        declared["raw"]["transactions"]["limits"] = {"volume": [0.2, 5.0]}
        declared["partitions"]["end"] = end or declared["partitions"]["end"]

    box.declare(shrink)
    return box
