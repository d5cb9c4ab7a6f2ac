"""A whole pipeline whose catalog is on a real Postgres server and whose files are on S3."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from ml_assets_tests.automation.sandbox import Answer, Sandbox, shop_sandbox

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

QUERIES = (
    "SELECT count(*) AS n, sum(id) AS ids FROM cleaned.deliveries",
    "SELECT id, region, weight, weekday FROM features.orders ORDER BY id DESC LIMIT 3",
    "SELECT count(*) AS n, sum(score::DECIMAL(18, 12)) AS scores FROM predictions.scores",
    "SELECT cause, verdict, period, reason FROM monitoring.performance ORDER BY cause",
    "SELECT cause, verdict, period, reason FROM monitoring.data_quality ORDER BY cause, period",
    "SELECT action, cause, reason FROM ops.decisions",
)
"""What is the same wherever it is stored."""


def fine(answer: Answer) -> str:
    """Return what a command said that must succeed."""
    assert answer.code == 0, answer.text
    return answer.out


def test_a_pipeline_on_postgres_and_s3_is_the_one_on_a_disk(
    tmp_path: Path, postgres: str, s3: str
) -> None:
    """Tables, model, scores, monitors and decision; a refresh; and the first model once more."""
    local, sandbox = (shop_sandbox(made(tmp_path / name)) for name in ("disk", "servers"))
    cli = partial(
        sandbox.cli, ML_ASSETS_CATALOG=f"postgres:{postgres}", ML_ASSETS_STORAGE=f"{s3}/warehouse"
    )
    for run in (local.cli, cli):
        told = fine(run("run", "shop"))
        assert "shop version 1 (champion)" in told
        assert re.search(r"^Monitors  2024-03 ", told, re.MULTILINE)
        assert re.search(r"^Decision  .* (hold|retrain): ", told, re.MULTILINE)
    for query in QUERIES:
        assert fine(cli("sql", "shop", query)) == fine(local.cli("sql", "shop", query))
    assert on_this_disk(local) > 0
    assert on_this_disk(sandbox) == 0
    assert on_s3(s3) > 0
    assert "shop is up to date." in fine(cli("run", "shop"))
    model = fine(cli("reproduce", "shop@champion"))
    assert model.startswith("identical: ")
    assert model == fine(local.cli("reproduce", "shop@champion"))


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder.resolve()


def on_this_disk(sandbox: Sandbox) -> int:
    """Return the number of catalogs and Parquet files in the data root."""
    lake = sandbox.data / "lake"
    return sum(1 for kind in ("sqlite", "parquet") for _ in lake.rglob(f"*.{kind}"))


def on_s3(url: str) -> int:
    """Return the number of Parquet files in the bucket."""
    bucket = url.removeprefix("s3://")
    with urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/{bucket}?list-type=2", timeout=10) as answer:
        return len(re.findall(r"<Key>warehouse/shop/[^<]+\.parquet</Key>", answer.read().decode()))
