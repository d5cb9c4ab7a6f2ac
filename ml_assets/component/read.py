"""Read a defs.yaml and say where it is wrong: file, line and a hint."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from ml_assets.component import lines
from ml_assets.errors import DeclarationError
from ml_assets.tables.declaration import Declaration

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

COMPONENT = "ml_assets.component.MLPipeline"
# The one that libyaml brings reads ten times as fast; a build of PyYAML may lack it.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_declaration(path: Path) -> Declaration:
    """Return the declaration in the file at `path`; raises DeclarationError with file and line."""
    document = _document(path)
    try:
        return Declaration.model_validate(document.get("attributes"))
    except ValidationError as error:
        raise _explained(path, error) from error


def _document(path: Path) -> dict[str, Any]:
    try:
        root = _root(path)
        _refuse_repeated(path, root)
        document = None if root is None else _LOADER("").construct_document(root)
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


def _refuse_repeated(path: Path, root: yaml.Node | None) -> None:
    # YAML itself would silently take the last of them.
    for line, key in lines.repeated(root):
        raise DeclarationError(
            f"{path}:{line}: the key {key!r} stands here a second time.", "Keep one of them."
        )


def located(path: Path, error: DeclarationError) -> DeclarationError:
    """Return the error with file and line of what it names; one of another file stays as it is."""
    if error.fact.startswith(str(path.parent)):
        return error
    if (path.parent / error.fact.partition(":")[0]).is_file():
        return DeclarationError(f"{path.parent}/{error.fact}", error.hint)
    return DeclarationError(
        f"{path}:{lines.named(_root(path), error.fact)}: {error.fact}", error.hint
    )


def _root(path: Path) -> yaml.Node | None:
    return yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)


def _explained(path: Path, error: ValidationError) -> DeclarationError:
    root, faults = _root(path), {}
    for fault in error.errors():
        location = [part for part in fault["loc"] if not _is_branch(part)]
        line = lines.at(root, ["attributes", *location])
        where = ".".join(str(part) for part in location)
        faults[f"{path}:{line}: {where or 'attributes'}: {_message(fault, location)}"] = line
    return DeclarationError(
        "\n".join(sorted(faults, key=lambda text: faults[text])),
        "Correct it there and save; nothing else is to do.",
    )


def _is_branch(part: int | str) -> bool:
    """Tell pydantic's own markers, such as the branch of a union, from keys of the file."""
    return isinstance(part, str) and (
        part.startswith("function-") or part in {"[key]", "str", "int", "float", "bool"}
    )


def _message(fault: ErrorDetails, location: list[int | str]) -> str:
    if fault["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        known = _known_keys(location[:-1])
        near = get_close_matches(str(location[-1]), known, n=1)
        instead = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}."
        return f"unknown key. {instead}"
    if fault["type"] in {"missing", "missing_argument"}:
        return "this key is missing."
    return f"{fault['msg']}, not {fault['input']!r}."


def _known_keys(location: list[int | str]) -> list[str]:
    """Return the keys that may stand under `location`."""
    whole = Declaration.model_json_schema()
    schema = _resolved(whole, whole)
    for part in location:
        below = schema.get("properties", {}).get(part, schema.get("additionalProperties", {}))
        schema = _resolved(below, whole)
    return sorted(schema.get("properties", {}))


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference or a choice, such as `Spec | None`, stands for."""
    for option in (schema, *schema.get("anyOf", ()), *schema.get("allOf", ())):
        if "$ref" in option:
            found: dict[str, Any] = whole["$defs"][option["$ref"].rpartition("/")[2]]
            return found
    return schema
