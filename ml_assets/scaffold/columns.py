"""What the values of each column are like, and the name a column gets in SQL."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.scaffold.decimals import as_double
from ml_assets.scaffold.infer import words_among_numbers
from ml_assets.scaffold.spelling import bare
from ml_assets.sql.names import quote
from ml_assets.sql.types import is_number

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    import duckdb

MOST_VALUES = 200
"""Distinct texts up to which a column is a category that a model can learn from."""
FEW_THINGS = 20
"""Numbers of things, such as shops, up to which each is seen often enough to learn from."""
TAKEN = frozenset({"known_at", "score", "model_version", "trained_on"})
"""Names of columns that the platform's own tables have; no column of a file keeps one."""
_IDENTIFIER = re.compile(r"(^|_)(id|ids|key|no|nr|number|code|uuid|guid|index)$")
_FLOATS = frozenset({"DOUBLE", "FLOAT"})


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a file as its values are."""

    source: str
    """Its name in the file."""
    name: str
    """Its name from the cleaned layer on: lower case, without signs."""
    type: str
    rows: int
    nulls: int
    distinct: int
    low: float | None = None
    """Smallest number, or None."""
    high: float | None = None
    values: tuple[str, ...] = ()
    """The distinct texts of a category, sorted; none where there are more than `MOST_VALUES`."""
    words: tuple[str, ...] = ()
    """The texts that keep a column of numbers from being one."""
    comma: bool = False
    """Whether the file writes its numbers with a decimal comma, so that it delivers text."""

    @property
    def delivered(self) -> str:
        """The type as the file's column is loaded."""
        return "VARCHAR" if self.comma else self.type

    @property
    def read(self) -> str:
        """SQL over the raw column for its value."""
        cell = bare(self.source)
        return as_double(cell) if self.comma else cell

    @property
    def constant(self) -> bool:
        """Whether all rows say the same: one value without a NULL, or nothing but NULL."""
        return self.distinct + (self.nulls > 0) < 2

    @property
    def number(self) -> bool:
        """Whether it holds numbers."""
        return is_number(self.type)

    @property
    def fractional(self) -> bool:
        """Whether it holds floats or decimals, which identify nothing."""
        return self.type in _FLOATS or self.type.startswith("DECIMAL")

    @property
    def text(self) -> bool:
        """Whether it holds text."""
        return self.type == "VARCHAR"

    @property
    def moment(self) -> bool:
        """Whether it holds dates or times."""
        return self.type in {"DATE", "TIMESTAMP", "TIMESTAMPTZ"}

    @property
    def numbering(self) -> bool:
        """Whether it numbers the rows."""
        if self.fractional or self.low is None or self.high is None or self.distinct < self.rows:
            return False
        return self.high - self.low + 1 == self.rows

    @property
    def identifier(self) -> bool:
        """Whether its values tell rows or things apart and mean nothing by themselves."""
        if self.fractional or self.moment or self.words:
            return False
        if self.text:
            return self.distinct > max(MOST_VALUES, (self.rows - self.nulls) // 2)
        named = _IDENTIFIER.search(self.name) is not None
        return self.numbering or (named and self.distinct > FEW_THINGS)


def cleaned_names(names: Iterable[str]) -> dict[str, str]:
    """Return each column's name as SQL identifiers are written, every one of them different."""
    found: dict[str, str] = {}
    for name in names:
        # ä is an a with a mark, which ASCII drops, and ß two letters.
        letters = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
        ascii_only = "".join(one for one in letters if not unicodedata.combining(one))
        plain = re.sub(r"\W+", "_", ascii_only, flags=re.ASCII).strip("_").lower() or "column"
        plain = f"c_{plain}" if plain[0].isdigit() else plain
        unique, number = plain, 2
        while unique in found.values() or unique in TAKEN:
            unique, number = f"{plain}_{number}", number + 1
        found[name] = unique
    return found


def profiles(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    types: Mapping[str, str],
    names: Mapping[str, str],
    commas: Container[str] = (),
) -> tuple[Column, ...]:
    """Count the values of every column of `relation`; `commas` were text in the file."""
    return tuple(
        _profile(con, relation, name, kind, names[name], comma=name in commas)
        for name, kind in types.items()
    )


def _profile(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    source: str,
    kind: str,
    name: str,
    *,
    comma: bool,
) -> Column:
    cell = quote(source)
    numbers = f"min({cell})::DOUBLE, max({cell})::DOUBLE" if is_number(kind) else "NULL, NULL"
    rows, given, distinct, low, high = con.execute(
        f"SELECT count(*), count({cell}), count(DISTINCT {cell}), {numbers} FROM temp.{relation}"
    ).fetchall()[0]
    values: tuple[str, ...] = ()
    if kind == "VARCHAR" and distinct <= MOST_VALUES:
        listed = con.execute(
            f"SELECT DISTINCT {cell} FROM temp.{relation} WHERE {cell} IS NOT NULL ORDER BY 1"
        ).fetchall()
        values = tuple(value for (value,) in listed)
    many = kind == "VARCHAR" and distinct > MOST_VALUES
    return Column(
        source=source,
        name=name,
        type=kind,
        rows=rows,
        nulls=rows - given,
        distinct=distinct,
        low=low,
        high=high,
        values=values,
        words=words_among_numbers(con, relation, source) if many else (),
        comma=comma,
    )
