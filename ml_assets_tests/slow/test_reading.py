"""While runs write, other processes read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets_tests.automation.sandbox import shop_sandbox, write_orders

if TYPE_CHECKING:
    from pathlib import Path

QUERY = "SELECT count(*) AS n, count(DISTINCT _partition) AS months FROM cleaned.orders"


@pytest.mark.slow
def test_queries_succeed_at_every_moment_of_a_run(tmp_path: Path) -> None:
    sandbox = shop_sandbox(tmp_path)
    assert sandbox.cli("run", "shop").code == 0
    write_orders(sandbox, "* REPLACE (weight / 2 AS weight)")
    process, answers = sandbox.start("-m", "ml_assets.cli", "run", "shop"), []
    while process.poll() is None:
        answers.append(sandbox.cli("sql", "shop", QUERY))
    assert process.returncode == 0, (sandbox.folder / "run.log").read_text()
    assert len(answers) > 3
    for answer in answers:
        assert answer.code == 0, answer.text
        # A slice is replaced in one transaction: no reader ever sees it gone.
        assert "2160" in answer.out
    weighed = sandbox.cli("sql", "shop", "SELECT max(weight) < 5 AS halved FROM features.orders")
    assert "true" in weighed.out
