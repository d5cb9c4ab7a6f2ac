"""`ml-assets reproduce` after all that can change: data, code, kept snapshots."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ml_assets_tests.automation.sandbox import Sandbox, edit, shop_sandbox, write_orders

if TYPE_CHECKING:
    from pathlib import Path

CHAMPION, PREVIOUS = "shop@champion", "shop@previous"
FORGET = """
from datetime import timedelta
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.snapshots import maintain
with connect("shop", Settings.from_environment()) as con:
    con.execute("DELETE FROM shop.ops.protected")
    maintain(con, "shop", timedelta(0), in_flight=timedelta(0), on_wait=print)
"""


def run(sandbox: Sandbox) -> str:
    answer = sandbox.cli("run", "shop")
    assert answer.code == 0, answer.text
    return answer.out


@pytest.mark.longest
def test_a_model_is_rebuilt_or_the_answer_says_why_not(tmp_path: Path) -> None:
    sandbox = shop_sandbox(tmp_path)
    assert "shop version 1 (champion)" in run(sandbox)
    first = sandbox.cli("reproduce", CHAMPION)
    assert first.code == 0
    assert first.out.startswith("identical: ")

    write_orders(sandbox, "* REPLACE (weight / 2 AS weight)")
    # Halved weights mislead version 1: version 2 passes the gate and is refitted as version 3.
    assert re.search(r"Champion +version 3", run(sandbox))
    assert sandbox.cli("maintain", "shop", "--keep-days", "0").code == 0
    # Same answer, same hash, though the tables now hold other data and old snapshots are gone.
    assert sandbox.cli("reproduce", PREVIOUS).out == first.out
    second = sandbox.cli("reproduce", CHAMPION)
    assert second.out.startswith("identical: shop version 3")
    assert second.out.split()[-1] != first.out.split()[-1]

    path = sandbox.pipelines / "shop" / "features" / "orders.sql"
    edit(path, ("    weight,", "    round(weight) AS weight,"))
    changed = sandbox.cli("reproduce", CHAMPION)
    assert changed.code == 0, changed.text
    assert changed.out.startswith("identical: ")
    assert "code of features.orders: " in changed.out
    edit(sandbox.pipelines / "shop" / "defs.yaml", ("trials: 1", "trials: 2"))
    assert "code of training: " in sandbox.cli("reproduce", CHAMPION).out

    forgotten = sandbox.python("-c", FORGET)
    assert forgotten.code == 0, forgotten.text
    gone = sandbox.cli("reproduce", CHAMPION)
    assert gone.code == 1
    assert gone.out.startswith("gone: shop version 3 cannot be rebuilt")
    assert "has expired" in gone.out
    assert re.search(
        r"^cannot be read as of snapshot \d+: .*features\.orders", gone.out, re.MULTILINE
    )
    assert "Traceback" not in gone.text
