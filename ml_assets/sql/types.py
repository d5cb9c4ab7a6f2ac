"""Column types: one spelling per type, and which of them may stand for each other."""

from __future__ import annotations

import re

ALIASES = {
    "BINARY": "BLOB",
    "BOOL": "BOOLEAN",
    "BPCHAR": "VARCHAR",
    "BYTEA": "BLOB",
    "CHAR": "VARCHAR",
    "DATETIME": "TIMESTAMP",
    "DOUBLE PRECISION": "DOUBLE",
    "FLOAT4": "FLOAT",
    "FLOAT8": "DOUBLE",
    "INT": "INTEGER",
    "INT1": "TINYINT",
    "INT2": "SMALLINT",
    "INT4": "INTEGER",
    "INT8": "BIGINT",
    "LOGICAL": "BOOLEAN",
    "LONG": "BIGINT",
    "NUMERIC": "DECIMAL",
    "REAL": "FLOAT",
    "SHORT": "SMALLINT",
    "SIGNED": "INTEGER",
    "STRING": "VARCHAR",
    "TEXT": "VARCHAR",
    "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
    "VARBINARY": "BLOB",
}
FLOATS = frozenset({"DOUBLE", "FLOAT"})
BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
INTEGERS = {name: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for name, bits in BITS.items()} | {
    f"U{name}": (0, 2**bits - 1) for name, bits in BITS.items()
}
"""Integer type to its lowest and highest value."""

_SPACED = re.compile(r"\s*([(),\[\]])\s*")
_WORD = re.compile(r"\b(DOUBLE PRECISION|[A-Z]\w*)\b")
_SIZED = re.compile(r"\bVARCHAR\(\d+\)")


def canonical(name: str) -> str:
    """Return the type `name` as DuckDB's DESCRIBE spells it, up to spaces and case."""
    text = _SPACED.sub(r"\1", " ".join(name.upper().split()))
    text = _WORD.sub(lambda match: ALIASES.get(match[0], match[0]), text)
    text = _SIZED.sub("VARCHAR", text)
    return "DECIMAL(18,3)" if text == "DECIMAL" else text


def is_number(name: str) -> bool:
    """Say whether `name` is an integer, float or decimal type."""
    text = canonical(name)
    return text in INTEGERS or text in FLOATS or text.startswith("DECIMAL")


def equivalent(declared: str, actual: str) -> bool:
    """Say whether `actual` may be stored as `declared`: same type, or integers of any width.

    Which integers do not fit is a rule for rows, not for the table: sums are wider than what they
    sum, and that alone is no fault.
    """
    one, other = canonical(declared), canonical(actual)
    return one == other or (one in INTEGERS and other in INTEGERS)
