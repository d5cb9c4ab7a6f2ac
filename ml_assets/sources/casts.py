"""Casts that lose nothing: SQL for a value in its declared type, and for values it cannot hold.

DuckDB's TRY_CAST alone rounds '1.5' to the INTEGER 2, drops the time of '2013-01-01 10:00' for a
DATE, and takes the offset-less '2013-01-01 10:00' for an instant in the session's time zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ml_assets.sql.names import literal, quote

INTEGERS = frozenset(
    sign + width
    for sign in ("", "U")
    for width in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
)
_DAY = r"\s*[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
_OFFSET = r"\s*([Zz]|UTC|[+-][0-9]{2}(:?[0-9]{2})?)"
WRITTEN = {
    "DATE": rf"{_DAY}([ T]0?0:00(:00([.]0+)?)?)?\s*",
    "TIME": rf"\s*{_CLOCK}\s*",
    "TIMESTAMP": rf"{_DAY}([ T]{_CLOCK})?\s*",
    "TIMESTAMP WITH TIME ZONE": rf"{_DAY}[ T]{_CLOCK}{_OFFSET}\s*",
}
"""How text must look to be of a type: a local time has no offset, an instant has one."""


@dataclass(frozen=True)
class Cast:
    """One column on its way from the delivered to the declared type, both as DuckDB names them."""

    column: str
    delivered: str
    declared: str

    @property
    def value(self) -> str:
        """SQL for the value in the declared type, NULL where it cannot be one."""
        if self.delivered == self.declared:
            return quote(self.column)
        return f"TRY_CAST({quote(self.column)} AS {self.declared})"

    @property
    def reason(self) -> str:
        """Why a row is rejected whose value here is faulty."""
        article = "an" if self.declared[0] in "AEIOU" else "a"
        return f"{self.column}: not {article} {self.declared}"

    @property
    def faulty(self) -> str | None:
        """SQL, never NULL: the value is given but not of the declared type. None: cannot be."""
        if self.delivered == self.declared:
            return None
        text = self.delivered == "VARCHAR"
        wrong = self._wrong_text() if text else self._wrong_value()
        return f"({quote(self.column)} IS NOT NULL AND {wrong})"

    def _wrong_text(self) -> str:
        column, type_ = quote(self.column), self.declared
        if type_ in INTEGERS:
            # What is written as SQL would write it is right without the slower pattern.
            slow = self._not_exact(r"\s*[+-]?[0-9]+([.]0*)?\s*")
            return f"CASE WHEN {self.value}::VARCHAR = {column} THEN false ELSE {slow} END"
        if decimal := re.fullmatch(r"DECIMAL\(\d+,(\d+)\)", type_):
            places = decimal.group(1)
            return self._not_exact(rf"\s*[+-]?[0-9]*([.][0-9]{{0,{places}}}0*)?\s*")
        if type_ in {"DOUBLE", "FLOAT"}:
            return f"({self.value} IS NULL OR contains({column}, '_'))"
        if type_ in WRITTEN:
            return f"({self.value} IS NULL OR NOT {_matches(column, WRITTEN[type_])})"
        return f"{self.value} IS NULL"

    def _not_exact(self, pattern: str) -> str:
        column = quote(self.column)
        scientific = (
            f"(contains(lower({column}), 'e')"
            f" AND coalesce(TRY_CAST({column} AS DOUBLE) = {self.value}::DOUBLE, false))"
        )
        return f"({self.value} IS NULL OR NOT ({_matches(column, pattern)} OR {scientific}))"

    def _wrong_value(self) -> str:
        exact = self.declared in INTEGERS or self.declared.startswith("DECIMAL")
        if exact:
            return f"({self.value} IS NULL OR {self.value} <> {quote(self.column)})"
        return f"{self.value} IS NULL"


def _matches(column: str, pattern: str) -> str:
    return f"regexp_full_match({column}, {literal(pattern)})"
