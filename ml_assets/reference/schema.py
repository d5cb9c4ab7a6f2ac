"""The JSON schema of a defs.yaml, by which editors complete and check it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from ml_assets.component.read import COMPONENT
from ml_assets.sources.resolve import FOLDER, KINDS
from ml_assets.tables.declaration import Declaration

if TYPE_CHECKING:
    from collections.abc import Iterator

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REF = "#/$defs/{model}"


def schema() -> dict[str, Any]:
    """Return the schema of a whole file; its sources are those of the known kinds."""
    attributes = Declaration.model_json_schema(ref_template=REF)
    models = attributes.pop("$defs")
    sources = dict(_sources())
    source = models["RawTable"]["properties"]["source"]
    source.clear()
    source |= {
        "description": "Where the rows come from; `kind` decides which other keys there are.",
        "oneOf": [{"$ref": REF.format(model=name)} for name in sources],
    }
    return {
        "$schema": DIALECT,
        "title": "defs.yaml",
        "description": "One ML problem of ml_assets: the file defs.yaml in its folder.",
        "type": "object",
        "properties": {
            "type": {"const": COMPONENT, "description": "The component that reads the folder."},
            "attributes": {"$ref": REF.format(model="Declaration")},
        },
        "required": ["type", "attributes"],
        "additionalProperties": False,
        "$defs": {"Declaration": attributes, **models, **sources},
    }


def schema_text() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(_without_titles(schema()), indent=2, ensure_ascii=False) + "\n"


def _sources() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and schema of every kind of source, as it is written: without the folder."""
    for kind, model in KINDS.items():
        found = TypeAdapter(model).json_schema(ref_template=REF)
        found["properties"].pop(FOLDER, None)
        found["properties"]["kind"] = {"const": kind, "description": f"`{kind}` picks this source."}
        required = [name for name in found.get("required", ()) if name != FOLDER]
        yield model.__name__, {**found, "required": ["kind", *required]}


def _without_titles(value: object) -> object:
    """Return the schema without the titles that only repeat names."""
    if isinstance(value, dict):
        return {
            key: _without_titles(item)
            for key, item in value.items()
            if not (key == "title" and isinstance(item, str))
        }
    return [_without_titles(item) for item in value] if isinstance(value, list) else value
