"""What is predicted: the target column, the kind of problem and the expression of the label."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ml_assets.errors import DataError
from ml_assets.scaffold.spelling import bare
from ml_assets.sources.hints import listed
from ml_assets.sql.names import literal, quote

if TYPE_CHECKING:
    import duckdb

    from ml_assets.scaffold.columns import Column
    from ml_assets.scaffold.table import Table

Problem = Literal["binary", "multiclass", "regression"]
MOST_CLASSES = 20
"""Values beyond which a text is no target: a person could not name what tells them apart."""
_CALLED = re.compile(
    r"(^|_)(target|label|class|y|outcome|churn(ed)?|fraud|default(ed)?|survived|clicked?|converted"
    r"|returned|late|delayed|cancelled|failed|price|demand|sales|amount|count|value)($|_)"
)
_YES = ("true", "yes", "y", "1", "1.0", "positive", "pos", "bad", "fail", "failed")


@dataclass(frozen=True)
class Target:
    """A column and what of it is to be predicted."""

    column: Column
    problem: Problem
    positive: str | None = None
    """The value that counts as yes, in a binary problem whose column is no BOOLEAN."""
    classes: tuple[str, ...] = ()
    """Its values, where each is a class."""

    @property
    def value(self) -> str:
        """SQL over the cleaned column: BOOLEAN, the class, or the number itself."""
        cell = bare(self.column.name)
        if self.positive is None:
            return cell
        return f"{cell} = {self.positive if self.column.number else literal(self.positive)}"

    @property
    def given(self) -> str:
        """SQL over the raw column: the label as a DOUBLE or class, NULL where it is not known."""
        cell = quote(self.column.source)
        if self.problem == "multiclass":
            return f"{cell}::VARCHAR"
        if self.positive is None:
            return f"{cell}::DOUBLE"
        return f"({cell} = {literal(self.positive)})::DOUBLE"

    @property
    def asked(self) -> list[str]:
        """SQL over the raw column of the numbers that a leak would tell: of each class, whether."""
        if self.problem != "multiclass":
            return [self.given]
        return [f"({self.given} = {literal(value)})::DOUBLE" for value in self.classes]

    @property
    def question(self) -> str:
        """What the label says, in words."""
        name = self.column.source
        if self.problem == "multiclass":
            return f"Which {name} is it?"
        if self.problem == "regression":
            return f"How much is {name}?"
        return f"Is {name} {self.positive}?" if self.positive is not None else f"Is it {name}?"


def guess_target(table: Table, time: Column | None) -> Column | None:
    """Return the likeliest target: called like one, else the last column that may be one."""
    usable = [
        column
        for column in table.columns
        if column != time
        and not (column.constant or column.moment or column.identifier)
        and (column.number or column.type == "BOOLEAN" or len(column.values) > 1)
    ]
    called = [column for column in usable if _CALLED.search(column.name)]
    return next(iter(called or usable[::-1]), None)


def guess_positive(column: Column, con: duckdb.DuckDBPyConnection, table: Table) -> str:
    """Return the value that most likely means yes: called so, else the rarest."""
    rows = con.execute(
        f"SELECT {quote(column.source)}::VARCHAR AS v, count(*) FROM temp.{table.relation}"
        " WHERE v IS NOT NULL GROUP BY 1 ORDER BY 2, 1"
    ).fetchall()
    return next((value for value, _ in rows if value.lower() in _YES), str(rows[0][0]))


def decide(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    column: Column,
    problem: Problem | None = None,
    positive: str | None = None,
) -> Target:
    """Return the target in `column`; raises DataError where nothing can be learned from it."""
    _refuse_unusable(table, column)
    two = column.distinct == 2
    if positive is not None:
        _refuse_unknown(con, table, column, positive)
        return Target(column, "binary", positive)
    if column.type == "BOOLEAN":
        return Target(column, "binary")
    few = 3 <= column.distinct <= MOST_CLASSES
    if few and (problem == "multiclass" or (column.text and problem is None)):
        return Target(column, "multiclass", classes=_classes(con, table, column))
    if problem == "multiclass":
        raise DataError(
            f"--problem multiclass: {column.source} has {column.distinct:,} values.",
            f"Bring a column of 3 to {MOST_CLASSES} classes, or leave --problem out.",
        )
    if column.text and not two:
        raise DataError(
            f"--target {column.source} has {column.distinct:,} values"
            f" ({listed(column.values, 12) or 'too many to list'}); a model tells yes from no,"
            f" up to {MOST_CLASSES} classes apart, or predicts a number.",
            "Say which value means yes with --positive"
            + (f", such as --positive {column.values[0]!r}." if column.values else "."),
        )
    if problem == "binary" and not two:
        raise DataError(
            f"--problem binary: {column.source} has {column.distinct:,} values.",
            "Say which of them means yes with --positive.",
        )
    if column.text or (two and problem != "regression"):
        return Target(column, "binary", guess_positive(column, con, table))
    return Target(column, "regression")


def _classes(con: duckdb.DuckDBPyConnection, table: Table, column: Column) -> tuple[str, ...]:
    cell = quote(column.source)
    found = con.execute(
        f"SELECT DISTINCT {cell}::VARCHAR AS v FROM temp.{table.relation} WHERE v IS NOT NULL"
        " ORDER BY v"
    ).fetchall()
    return tuple(value for (value,) in found)


def _refuse_unusable(table: Table, column: Column) -> None:
    named = f"--target {column.source}"
    if column.distinct == 0:
        raise DataError(
            f"{named} is NULL in all {table.rows:,} rows.", "Name a column that is known."
        )
    if column.distinct == 1:
        raise DataError(
            f"{named} has one value in all rows where it is known"
            f" ({table.rows - column.nulls:,} of {table.rows:,}).",
            "Name a column that differs, or bring rows of the other outcome.",
        )
    if not (column.number or column.text or column.type == "BOOLEAN"):
        raise DataError(
            f"{named} is a {column.type}; a target is a number, a BOOLEAN or a text.",
            "Bring a column that says what is asked, such as the days until then.",
        )


def _refuse_unknown(
    con: duckdb.DuckDBPyConnection, table: Table, column: Column, positive: str
) -> None:
    ((count,),) = con.execute(
        f"SELECT count(*) FROM temp.{table.relation} WHERE {quote(column.source)}::VARCHAR = ?",
        [positive],
    ).fetchall()
    if not count:
        raise DataError(
            f"--positive {positive!r}: no row has it in {column.source}.",
            f"Its values are {listed(column.values, 12)}."
            if column.values
            else f"It has {column.distinct:,} values from {column.low:g} to {column.high:g}."
            if column.low is not None
            else "Look at its values in the file.",
        )
