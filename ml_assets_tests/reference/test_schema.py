from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from ml_assets.reference.schema import schema
from ml_assets.sources.resolve import KINDS
from ml_assets.tables.declaration import Declaration
from ml_assets_tests.sandbox import FOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    found = schema()
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def text(request: pytest.FixtureRequest) -> str:
    """The defs.yaml of each pipeline."""
    return str((request.param / "defs.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def document(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def first(tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return next(iter(tables.values()))


def test_every_pipeline_is_valid(
    validator: Draft202012Validator, text: str, document: dict[str, Any]
) -> None:
    assert text.startswith("# yaml-language-server: $schema=../defs.schema.json\n")
    assert [error.message for error in validator.iter_errors(document)] == []


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "an unknown key": lambda a: a.update(modell={}),
    "a missing key": lambda a: a.pop("label"),
    "a wrong choice": lambda a: a["model"].update(problem="ranking"),
    "text for a number": lambda a: a["model"]["split"].update(test="many"),
    "a number out of range": lambda a: a["retraining"].update(breaker=0),
    "an unknown rule of a column": lambda a: first(a["cleaned"])["columns"].update(
        seats={"type": "SMALLINT", "minimum": 1}
    ),
    "a list for a text": lambda a: a.update(time_zone=["UTC"]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_schema_refuses_what_the_declaration_refuses(
    validator: Draft202012Validator, document: dict[str, Any], name: str
) -> None:
    document["attributes"].setdefault("retraining", {})
    changed = copy.deepcopy(document)
    CHANGES[name](changed["attributes"])
    assert validator.is_valid(document)
    assert not validator.is_valid(changed)
    with pytest.raises(ValidationError):
        Declaration.model_validate(changed["attributes"])


@pytest.mark.parametrize(
    ("source", "valid"),
    [
        ({"kind": "files", "path": "a.csv", "nulls": ["", "NA"]}, True),
        ({"kind": "simulated", "generator": "a.py:f", "options": {"x": 1}}, True),
        ({"kind": "files"}, False),
        ({"kind": "files", "path": "a.csv", "null": "NA"}, False),
        ({"kind": "simulated", "generator": "a.py:f", "folder": "."}, False),
        ({"kind": "ftp", "path": "a.csv"}, False),
    ],
)
def test_a_source_has_the_keys_of_its_kind(
    validator: Draft202012Validator,
    document: dict[str, Any],
    source: dict[str, Any],
    *,
    valid: bool,
) -> None:
    first(document["attributes"]["raw"])["source"] = source
    assert validator.is_valid(document) is valid


def test_every_key_is_described() -> None:
    models = schema()["$defs"]
    silent = [
        f"{name}.{key}"
        for name, model in models.items()
        for key, field in model["properties"].items()
        if not field.get("description") and "$ref" not in field
    ]
    assert silent == []
    assert {model.__name__ for model in KINDS.values()} <= {*models}
