"""Quoting: the one place where identifiers and literals become SQL text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LAYERS = ("raw", "cleaned", "features", "training_set", "predictions", "monitoring", "ops")
RESERVED = frozenset(LAYERS) | {
    "model",
    "evaluation",
    "promotion",
    "retraining",
    "main",
    "temp",
    "system",
    "memory",
}

OWN_COLUMNS = frozenset({"_partition", "_load_id", "_loaded_at", "_row", "_reason"})
"""What the platform adds to the columns of a raw table, of its rows or of those rejected."""


def quote(identifier: str) -> str:
    """Return `identifier` as a double-quoted SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def qualified(*parts: str) -> str:
    """Return the dotted, quoted name of `parts`, such as "flights"."cleaned"."weather"."""
    return ".".join(quote(part) for part in parts)


def columns(names: list[str] | tuple[str, ...], prefix: str = "") -> str:
    """Return the quoted `names` joined by commas, each after `prefix.` where one is given."""
    dot = f"{prefix}." if prefix else ""
    return ", ".join(dot + quote(name) for name in names)


def casts(types: Mapping[str, str]) -> str:
    """Return the columns of a SELECT, each cast to its type and called as before."""
    return ", ".join(
        f"CAST({quote(name)} AS {kind}) AS {quote(name)}" for name, kind in types.items()
    )


def literal(text: str) -> str:
    """Return `text` as a single-quoted SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
