"""A table's contract as SQL: row rules, the split of a SELECT's rows, and schema faults."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.errors import DeclarationError
from ml_assets.sql.names import casts, literal, qualified, quote
from ml_assets.sql.tables import CleanedTable, Column, Columns, FeatureTable, RawTable, Table
from ml_assets.sql.types import FLOATS, INTEGERS, canonical, equivalent, is_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REASON = "_reason"
ROW = quote("_row")
SEPARATOR = "; "


@dataclass(frozen=True)
class Rule:
    """One row rule: `predicate` over `_row` is true when the row breaks it, and `reason` why."""

    column: str
    reason: str
    predicate: str


def row_rules(table: Table) -> list[Rule]:
    """Return the row rules of `table`, column by column in declared order."""
    never_null = _never_null(table)
    for name in never_null:
        if name not in table.columns:
            fact = f"Column {name} is a key or a time of the table but not declared."
            raise DeclarationError(fact, f"Declare {name} under columns.")
    rules = [
        rule
        for name, column in table.columns.items()
        for rule in _column_rules(name, column, required=not column.nullable or name in never_null)
    ]
    if isinstance(table, CleanedTable) and table.known_at and table.event_time:
        rules.append(_known_before(table.known_at, table.event_time))
    return rules


def referenced(table: Table) -> frozenset[tuple[str, str]]:
    """Return the tables (schema, table) that the row rules of `table` read."""
    return frozenset(
        _target(name, column.references)[:2]
        for name, column in table.columns.items()
        if column.references
    )


def judged(relation: str, rules: Sequence[Rule]) -> str:
    """Return SQL for the rows of `relation` with `_reason`: every broken rule's, NULL if none."""
    broken = [quote(f"_broken_{number}") for number in range(len(rules))]
    if not broken:
        return f"SELECT *, CAST(NULL AS VARCHAR) AS {quote(REASON)}\nFROM {relation}"
    flags = ",\n  ".join(
        f"({rule.predicate}) AS {flag}" for rule, flag in zip(rules, broken, strict=True)
    )
    cases = ", ".join(
        f"CASE WHEN {flag} THEN {literal(rule.reason)} END"
        for rule, flag in zip(rules, broken, strict=True)
    )
    # Texts are put together for the rows at fault only.
    reason = f"CASE WHEN {' OR '.join(broken)} THEN concat_ws({literal(SEPARATOR)}, {cases}) END"
    return (
        f"SELECT * EXCLUDE ({', '.join(broken)}), {reason} AS {quote(REASON)}\n"
        f"FROM (SELECT {ROW}.*, {flags}\nFROM {relation} AS {ROW})"
    )


def kept(judged_relation: str, columns: Columns, carried: str | None = None) -> str:
    """Return SQL for the rows without a reason, with the declared columns in declared types.

    `carried` names a column that comes along.
    """
    selected = casts({name: column.type for name, column in columns.items()})
    if carried:
        selected += f", {quote(carried)}"
    return f"SELECT {selected} FROM {judged_relation} WHERE {quote(REASON)} IS NULL"


def rejected(judged_relation: str, columns: Columns, carried: str | None = None) -> str:
    """Return SQL for the rows with a reason: `row` (JSON of texts), `reason` and `carried`."""
    fields = ", ".join(f"{literal(name)}: CAST({quote(name)} AS VARCHAR)" for name in columns)
    row = f'CAST(to_json({{{fields}}}) AS VARCHAR) AS "row"'
    where = f"{quote(REASON)} IS NOT NULL"
    selected = f'{row}, {quote(REASON)} AS "reason"' + (f", {quote(carried)}" if carried else "")
    return f"SELECT {selected} FROM {judged_relation} WHERE {where}"


def broken_rules(rejected_relation: str, rules: Sequence[Rule]) -> str:
    """Return SQL for (reason, rows, examples): per broken rule its rows and up to five values."""
    values = ", ".join(f"({json_path(rule.column)}, {literal(rule.reason)})" for rule in rules)
    reasons = f'unnest(string_split("reason", {literal(SEPARATOR)})) AS "reason"'
    value = '"row" ->> "path"'
    return (
        'SELECT "reason", count(*) AS "rows", '
        f'list_slice(list_sort(list(DISTINCT {value})), 1, 5) AS "examples"\n'
        f'FROM (SELECT "row", {reasons} FROM {rejected_relation})\n'
        f'JOIN (VALUES {values or "(NULL, NULL)"}) AS rule("path", "reason") USING ("reason")\n'
        'GROUP BY "reason" ORDER BY "rows" DESC, "reason"'
    )


def json_path(column: str) -> str:
    """Return the path of `column` in a rejected table's `row`, as a SQL literal."""
    return literal(f'$."{column}"')


def schema_faults(name: str, table: Table, actual: Mapping[str, str]) -> list[str]:
    """Return what of the columns `actual` (name to type) breaks the contract of table `name`."""
    types = {column.lower(): found for column, found in actual.items()}
    faults = []
    for column, declared in table.columns.items():
        found = types.pop(column.lower(), None)
        expected = canonical(declared.type)
        if found is None:
            faults.append(f"{name}.{column} is missing: expected {expected}, found no such column.")
        elif not equivalent(expected, found):
            faults.append(f"{name}.{column} is retyped: expected {expected}, found {found}.")
    faults += [
        f"{name}.{column} is unexpected: expected no such column, found {found}."
        for column, found in actual.items()
        if column.lower() in types
    ]
    return faults


def _never_null(table: Table) -> list[str]:
    match table:
        case RawTable():
            return []
        case CleanedTable():
            named = (*table.key, table.time, table.known_at)
        case FeatureTable():
            named = (*table.key, table.time, table.prediction_time)
    return [name for name in named if name]


def _column_rules(name: str, column: Column, *, required: bool) -> Iterator[Rule]:
    cell = f"{ROW}.{quote(name)}"
    if required:
        yield Rule(name, f"{name} is NULL", f"{cell} IS NULL")
    yield from _range_rules(name, column, cell)
    if column.allowed is not None:
        values = ", ".join(literal(value) for value in column.allowed)
        among = f"CAST({cell} AS VARCHAR) IN ({values})" if values else "false"
        yield Rule(name, f"{name} not an allowed value", f"{cell} IS NOT NULL AND NOT ({among})")
    if column.references is not None:
        yield _reference_rule(name, column.references, cell)


def _range_rules(name: str, column: Column, cell: str) -> Iterator[Rule]:
    bounds = [bound for bound in (column.min, column.max) if bound is not None]
    if bounds and not is_number(column.type):
        fact = f"Column {name} is {column.type} and declares min or max."
        raise DeclarationError(fact, "Only numbers have a range; use allowed for other types.")
    if not all(math.isfinite(bound) for bound in bounds):
        raise DeclarationError(f"Column {name} declares an endless range.", "Leave the bound out.")
    guard = ""
    if canonical(column.type) in FLOATS:
        # NaN is above every number and infinity within an open range: both are nobody's value.
        yield Rule(name, f"{name} not finite", f"NOT isfinite({cell})")
        guard = f"isfinite({cell}) AND "
    low, high = _bounds(column)
    if low is not None:
        yield Rule(name, f"{name} below {low}", f"{guard}{cell} < {low}")
    if high is not None:
        yield Rule(name, f"{name} above {high}", f"{guard}{cell} > {high}")


def _bounds(column: Column) -> tuple[str | None, str | None]:
    """Return the bounds as SQL; an integer type's own limits hold where none is tighter."""
    lowest, highest = INTEGERS.get(canonical(column.type), (None, None))
    low: float | None = lowest
    if column.min is not None and (lowest is None or column.min > lowest):
        low = column.min
    high: float | None = highest
    if column.max is not None and (highest is None or column.max < highest):
        high = column.max
    return _number(low), _number(high)


def _number(value: float | None) -> str | None:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return None if value is None else repr(value)


def _target(name: str, references: str) -> tuple[str, str, str]:
    parts = references.split(".")
    if len(parts) != 3:
        fact = f"Column {name} references {references}."
        raise DeclarationError(fact, "Write layer.table.column, such as cleaned.airports.airport.")
    return parts[0], parts[1], parts[2]


def _reference_rule(name: str, references: str, cell: str) -> Rule:
    schema, table, column = _target(name, references)
    target = f"SELECT 1 FROM {qualified(schema, table)} AS _target"
    match = f"_target.{quote(column)} = {cell}"
    predicate = f"{cell} IS NOT NULL AND NOT EXISTS ({target} WHERE {match})"
    return Rule(name, f"{name} not in {references}", predicate)


def _known_before(known_at: str, event_time: str) -> Rule:
    predicate = f"{ROW}.{quote(known_at)} < {ROW}.{quote(event_time)}"
    return Rule(known_at, f"{known_at} before {event_time}", predicate)
