"""A user's SELECT: one statement per file, its dependencies and the fingerprint of its meaning."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from ml_assets.errors import DeclarationError
from ml_assets.sql.names import LAYERS
from ml_assets.sql.repeatable import unrepeatable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TableName = tuple[str, ...]
"""(schema, table) of this pipeline, or (pipeline, schema, table) of another one; lower case."""

PURE_FUNCTIONS = frozenset({"generate_series", "json_each", "json_tree", "range", "unnest"})
"""Table functions that read nothing but their arguments."""


@dataclass(frozen=True)
class Select:
    """One SELECT as written in the file `path`; `text` is run verbatim, never regenerated."""

    path: str
    text: str

    @property
    def subquery(self) -> str:
        """The text in parentheses, on lines of its own so that a last comment stays harmless."""
        return f"(\n{self.text}\n)"


def parse(text: str, where: str) -> Select:
    """Return the Select in `text`; anything but exactly one SELECT is a DeclarationError."""
    tokens = _tokens(text, where)
    if not tokens:
        raise DeclarationError(f"{where} is empty.", "Write one SELECT.")
    _check_single(tokens, where)
    select = Select(where, text)
    query = tree(select).unnest()
    if not isinstance(query, exp.Select | exp.SetOperation):
        raise _error(select, query, "the statement is no SELECT.", "Write one SELECT.")
    for node in query.find_all(exp.Into, exp.DML, exp.DDL, exp.Command):
        raise _error(select, node, "the SELECT writes.", "Leave writing to the platform.")
    for node, fact, hint in unrepeatable(query):
        raise _error(select, node, fact, hint)
    return select


def dependencies(select: Select, pipeline: str) -> frozenset[TableName]:
    """Return the tables that `select` reads, CTEs apart; names that hide one are errors."""
    for lateral in tree(select).find_all(exp.Lateral):
        if isinstance(lateral.this, exp.Func):
            _check_function(select, lateral)
    tables = tree(select).find_all(exp.Table)
    return frozenset(name for table in tables for name in _table(select, table, pipeline.lower()))


def fingerprint(select: Select) -> str:
    """Return the sha256 of the tokens: comments and white space do not count, all else does."""
    words: list[str] = []
    for token in _tokens(select.text, select.path):
        piece = select.text[token.start : token.end + 1]
        verbatim = any(mark in piece for mark in "'\"$")
        words.extend([piece] if verbatim else piece.split())
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def tree(select: Select) -> exp.Expr:
    """Return the syntax tree of `select`, shared: whoever changes it copies it first."""
    return _tree(select.text, select.path)


@lru_cache(maxsize=512)
def _tree(text: str, where: str) -> exp.Expr:
    try:
        (statement,) = DuckDB().parse(_without_comments(text, where))
    except ParseError as error:
        first = error.errors[0]
        fact = f"{where}:{first['line']}: {first['description']}."
        hint = "Correct it; what DuckDB runs but sqlglot cannot read has to be written otherwise."
        raise DeclarationError(fact, hint) from error
    if statement is None:
        raise DeclarationError(f"{where} is empty.", "Write one SELECT.")
    return statement


@lru_cache(maxsize=512)
def _tokens(text: str, where: str) -> tuple[Token, ...]:
    try:
        return tuple(DuckDB().tokenize(text))
    except TokenError as error:
        hint = "Close every quote and comment."
        raise DeclarationError(f"{where}: {_first_line(error)}", hint) from error


def _without_comments(text: str, where: str) -> str:
    """Return `text` with comments blanked: sqlglot cannot read GROUP /* why */ BY."""
    parts, end = [], 0
    for token in _tokens(text, where):
        parts += [re.sub(r"\S", " ", text[end : token.start]), text[token.start : token.end + 1]]
        end = token.end + 1
    return "".join(parts)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _check_single(tokens: Sequence[Token], where: str) -> None:
    for index, token in enumerate(tokens):
        if token.token_type is not TokenType.SEMICOLON:
            continue
        last = index == len(tokens) - 1
        fact = "the SELECT ends with a semicolon." if last else "a second statement begins."
        hint = "Delete the semicolon." if last else "Keep one SELECT per file."
        raise DeclarationError(f"{where}:{token.line}: {fact}", hint)


def _table(select: Select, table: exp.Table, pipeline: str) -> Iterator[TableName]:
    if not isinstance(table.this, exp.Identifier):
        _check_function(select, table)
        return
    name = tuple(part.name.lower() for part in table.parts)
    if len(name) == 1:
        if not is_cte(table):
            raise _no_layer(select, table)
        return
    if name[0] == pipeline and len(name) == 3:
        inside = ".".join(name[1:])
        fact = f"{'.'.join(name)} names this pipeline's own table in full."
        raise _error(select, table, fact, f"Write {inside}.")
    if name[-2] not in LAYERS:
        raise _no_layer(select, table)
    yield name


def is_cte(table: exp.Table) -> bool:
    """Say whether the one-part name of `table` means a CTE that is visible where it stands."""
    return not table.db and any(cte.alias.lower() == table.name.lower() for cte in visible(table))


def visible(node: exp.Expr) -> Iterator[exp.CTE]:
    """Yield the CTEs that `node` can name, the innermost query's first."""
    child: exp.Expr = node
    inside: exp.Expr | None = None
    while (parent := child.parent) is not None:
        clause = parent.args.get("with_")
        if clause is not None:
            yield from _declared(clause, inside if child is clause else None)
        inside = child if isinstance(child, exp.CTE) else inside
        child = parent


def _declared(clause: exp.With, inside: exp.Expr | None) -> list[exp.CTE]:
    ctes: list[exp.CTE] = clause.expressions
    if inside is None:
        return ctes
    position = next(number for number, cte in enumerate(ctes) if cte is inside)
    return ctes[: position + 1] if clause.recursive else ctes[:position]


def _check_function(select: Select, node: exp.Expr) -> None:
    name = _function_name(node.this)
    if name not in PURE_FUNCTIONS:
        fact = f"the table function {name} reads from outside the lake."
        raise _error(select, node, fact, "Declare it under raw in defs.yaml and read raw.<table>.")


def _function_name(function: exp.Expr) -> str:
    if isinstance(function, exp.GenerateSeries):
        return "generate_series"
    if isinstance(function, exp.Anonymous):
        return function.name.lower()
    return function.sql_name().lower() if isinstance(function, exp.Func) else function.key


def _no_layer(select: Select, table: exp.Table) -> DeclarationError:
    name = ".".join(part.name for part in table.parts)
    fact = f"{name} is neither a CTE nor a table of a layer."
    return _error(select, table, fact, f"Write <layer>.{table.name}, such as raw.{table.name}.")


def _error(select: Select, node: exp.Expr, fact: str, hint: str) -> DeclarationError:
    lines = [part.meta["line"] for part in node.walk() if "line" in part.meta]
    return DeclarationError(f"{select.path}:{min(lines, default=1)}: {fact}", hint)
