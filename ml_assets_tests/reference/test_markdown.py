from __future__ import annotations

import re

from ml_assets.reference.markdown import reference_text
from ml_assets.reference.schema import schema


def test_every_mapping_has_its_section_and_every_key_its_row() -> None:
    text = reference_text()
    sections = dict(
        zip(re.findall(r"^## (\w+)$", text, re.MULTILINE), text.split("\n## ")[1:], strict=True)
    )
    for name, model in schema()["$defs"].items():
        section = sections["attributes" if name == "Declaration" else name]
        rows = re.findall(r"^\| (\*\*)?(\w+)(?:\*\*)? \|", section, re.MULTILINE)
        found = {key: bool(bold) for bold, key in rows if key != "key"}
        required = model.get("required", ())
        keys = {key: key in required for key in model["properties"]}
        found |= {"key": keys["key"]} if "key" in keys else {}
        assert found == keys


def test_links_lead_to_sections() -> None:
    text = reference_text()
    anchors = {name.lower() for name in re.findall(r"^## (\w+)$", text, re.MULTILINE)}
    assert {*re.findall(r"\]\(#(\w+)\)", text)} <= anchors


def test_rows_have_four_cells() -> None:
    for row in re.findall(r"^\| .* \|$", reference_text(), re.MULTILINE):
        assert len(re.findall(r"(?<!\\)\|", row)) == 5
