from __future__ import annotations

import csv
import json
from io import StringIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ml_assets.component.folder import load_folder
from ml_assets.replay.drawn import over_time
from ml_assets.replay.pages import as_csv, page, write_pages
from ml_assets.replay.root import Root
from ml_assets_tests.replay.periods import APRIL, MAY
from ml_assets_tests.sandbox import example

if TYPE_CHECKING:
    from pathlib import Path


def test_the_csv_has_a_column_per_bound() -> None:
    april, may = csv.DictReader(StringIO(as_csv([APRIL, MAY])))
    assert (april["partition"], april["rows"], april["alarms"]) == (
        "2024-04",
        "1720",
        "drift; observed_expected".replace("_", " "),
    )
    assert [april[f"auc{end}"] for end in ("", "_low", "_high")] == ["0.7102", "0.69", "0.73"]
    assert may["log_loss"] == may["version"] == ""
    assert (april["promoted"], may["decision"]) == ("True", "blocked")


def test_the_page_escapes_what_data_says_and_fetches_nothing() -> None:
    text = page(load_folder(example("flights")), [APRIL, MAY])
    assert "&lt;b&gt;1.21&lt;/b&gt;" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "gate: 3 goes live" in text
    assert text.count("<svg") == 2


def test_the_chart_marks_where_a_version_went_live() -> None:
    drawn = over_time([APRIL, MAY], "auc", "AUC")
    root = ET.fromstring(drawn)
    titles = [found.text or "" for found in root.iter("title")]
    assert sum("Version 3 goes live" in text for text in titles) == 1
    assert sum("Apr 2024, version 1: 0.710" in text for text in titles) == 1
    assert len(list(root.iter("circle"))) == 1


def test_all_files_are_written_beside_the_replay(tmp_path: Path) -> None:
    paths = write_pages(Root(tmp_path), load_folder(example("flights")), [APRIL, MAY])
    assert list(paths) == ["Page", "Table", "JSON", "Report", "Log"]
    found = json.loads(paths["JSON"].read_text())
    assert found[0]["metrics"]["auc"] == {"value": 0.7102, "low": 0.69, "high": 0.73}
    assert paths["Page"].read_text().startswith("<!DOCTYPE html>")
    assert paths["Report"] == tmp_path / "state" / "data" / "reports" / "flights.html"
