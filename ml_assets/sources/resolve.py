"""From a raw table's declaration to its source."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ml_assets.errors import DeclarationError
from ml_assets.sources.files import Files
from ml_assets.sources.hints import did_you_mean, listed
from ml_assets.sources.simulated import Simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ml_assets.sources.base import Source

Kind = type[Files] | type[Simulated]
KINDS: dict[str, Kind] = {"files": Files, "simulated": Simulated}
"""A new kind is one more entry; one with a field FOLDER is given the pipeline's folder in it."""
FOLDER = "folder"


def resolve(declaration: Mapping[str, object], folder: Path = Path()) -> Source:
    """Return the source that `declaration`, in the pipeline's `folder`, describes.

    Raises DeclarationError naming the key that is wrong.
    """
    kind = declaration.get("kind")
    if kind not in KINDS:
        raise DeclarationError(
            f"source: {kind!r} is no kind of source." if kind else "source: `kind` is missing.",
            f"Known kinds: {listed(KINDS)}.{did_you_mean(str(kind), KINDS) if kind else ''}",
        )
    source = KINDS[str(kind)]
    _refuse_unknown(declaration, source)
    values = {str(key): value for key, value in declaration.items()}
    if any(field.name == FOLDER for field in fields(source)):
        values[FOLDER] = folder
    return _built(source, values)


def _refuse_unknown(declaration: Mapping[str, object], source: Kind) -> None:
    known = [field.name for field in fields(source) if field.name != FOLDER]
    for key in declaration:
        if key not in known:
            # An unquoted `null:` in YAML is no text.
            name = "null" if key is None else str(key)
            raise DeclarationError(
                f"source: unknown key `{name}`.",
                f"Known keys: {listed(known)}.{did_you_mean(name, known)}",
            )


def _built(source: Callable[..., Source], values: dict[str, object]) -> Source:
    try:
        return source(**values)
    except ValidationError as error:
        fault = error.errors()[0]
        key = str(fault["loc"][0]) if fault["loc"] else "kind"
        missing = fault["type"] in {"missing", "missing_argument"}
        raise DeclarationError(
            f"source: `{key}` is missing."
            if missing
            else f"source: `{key}` is {fault['input']!r}.",
            "Add it." if missing else f"{fault['msg']}; quote what YAML reads as something else.",
        ) from error
