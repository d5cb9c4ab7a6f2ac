"""Read a defs.yaml and say where it is wrong: file, line and a hint."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from ml_assets.errors import DeclarationError
from ml_assets.tables.declaration import Declaration

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

COMPONENT = "ml_assets.component.MLPipeline"


def read_declaration(path: Path) -> Declaration:
    """Return the declaration in the file at `path`; raises DeclarationError with file and line."""
    document = _document(path)
    try:
        return Declaration.model_validate(document.get("attributes"))
    except ValidationError as error:
        raise _explained(path, error) from error


def _document(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark is not None else 1
        raise DeclarationError(
            f"{path}:{line}: the YAML cannot be read: {error.problem}.",
            "Check quotes, colons and indentation there and in the line before.",
        ) from error
    if not isinstance(document, dict) or document.get("type") != COMPONENT:
        raise DeclarationError(
            f"{path}:1: the file does not start with its type.", f"Write `type: {COMPONENT}`."
        )
    return document


def _explained(path: Path, error: ValidationError) -> DeclarationError:
    faults = []
    for fault in error.errors():
        location = [part for part in fault["loc"] if not _is_branch(part)]
        line = _line(path, ["attributes", *location])
        where = ".".join(str(part) for part in location)
        faults.append(f"{path}:{line}: {where}: {_message(fault, location)}")
    return DeclarationError("\n".join(faults), "The reference of defs.yaml lists every key.")


def _is_branch(part: int | str) -> bool:
    """Tell pydantic's own markers, such as the branch of a union, from keys of the file."""
    return isinstance(part, str) and (
        part.startswith("function-") or part in {"[key]", "str", "int", "float", "bool"}
    )


def _message(fault: ErrorDetails, location: list[int | str]) -> str:
    if fault["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        near = get_close_matches(str(location[-1]), _known_keys(), n=1)
        return "unknown key." + (f" Did you mean {near[0]!r}?" if near else "")
    if fault["type"] in {"missing", "missing_argument"}:
        return "this key is missing."
    return f"{fault['msg']}, not {fault['input']!r}."


def _known_keys() -> list[str]:
    schema = Declaration.model_json_schema()
    known = set(schema["properties"])
    for definition in schema.get("$defs", {}).values():
        known |= set(definition.get("properties", {}))
    return sorted(known)


def _line(path: Path, location: list[int | str]) -> int:
    node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    line = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == str(part)]
            if not pairs:
                break
            line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
        elif (
            isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value)
        ):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
