"""From what somebody said to target, time and key; what was not said is guessed or asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ml_assets.errors import DataError
from ml_assets.scaffold.asked import column_named
from ml_assets.scaffold.draft import Draft, make_draft
from ml_assets.scaffold.keys import guess_key, no_key
from ml_assets.scaffold.moment import moment_called, moments, no_moment
from ml_assets.scaffold.target import decide, guess_positive, guess_target

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from ml_assets.scaffold.columns import Column
    from ml_assets.scaffold.keys import Key
    from ml_assets.scaffold.moment import Moment
    from ml_assets.scaffold.table import Table
    from ml_assets.scaffold.target import Problem, Target

    Ask = Callable[[str, str | None], str]
    """Given a question and the best guess, returns the answer."""

AT_ONCE = "0 days"
_DELAY = re.compile(r"(\d+) (minute|hour|day|week)s?")


@dataclass(frozen=True, kw_only=True)
class Said:
    """What somebody said about the new pipeline; None was left open."""

    target: str | None = None
    time: str | None = None
    key: str | None = None
    """Columns separated by commas."""
    problem: Problem | None = None
    positive: str | None = None
    delay: str | None = None
    zone: str = "UTC"


def draft_from(
    con: duckdb.DuckDBPyConnection, name: str, table: Table, said: Said, ask: Ask | None
) -> Draft:
    """Return the draft of the pipeline `name`; with `ask`, what was not said is asked for.

    Raises DataError where nobody can be asked for the target, or an answer does not fit the table.
    """
    _check_zone(said.zone)
    moment = _moment(con, table, said.time, ask)
    column = _target_column(table, moment.column, said.target, ask)
    target = _target(con, table, column, said, ask)
    key = _key(con, table, moment.column, target.column, said.key, ask)
    delay = said.delay or (
        ask(f"How long after its time is {column.source} known?", AT_ONCE) if ask else AT_ONCE
    )
    return make_draft(con, name, table, target, moment, key, said.zone, _checked_delay(delay))


def _moment(
    con: duckdb.DuckDBPyConnection, table: Table, said: str | None, ask: Ask | None
) -> Moment:
    if said is None:
        found = moments(con, table)
        if not found:
            raise no_moment(table)
        if ask is None:
            return found[0]
        said = ask("Which column says when a row happened?", found[0].column.source)
    return moment_called(con, table, said)


def _target_column(table: Table, time: Column, said: str | None, ask: Ask | None) -> Column:
    guess = guess_target(table, time)
    if said is None and ask is None:
        likely = f" {guess.source} looks like one." if guess else ""
        raise DataError(
            "No --target was given.",
            "Name the column to predict, one of"
            f" {', '.join(column.source for column in table.columns)}.{likely}",
        )
    if said is None and ask is not None:
        said = ask("Which column is to be predicted?", guess.source if guess else None)
    return column_named(table, said or "", "--target")


def _target(
    con: duckdb.DuckDBPyConnection, table: Table, column: Column, said: Said, ask: Ask | None
) -> Target:
    positive = said.positive
    several = column.text and column.distinct > 1
    if positive is None and ask is not None and several:
        question = f"Which value of {column.source} means yes?"
        positive = ask(question, guess_positive(column, con, table))
    return decide(con, table, column, said.problem, positive)


def _key(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    time: Column,
    target: Column,
    said: str | None,
    ask: Ask | None,
) -> Key:
    if said is None:
        guess = guess_key(con, table, time, target)
        if ask is None:
            if guess is None:
                raise no_key(con, table, time, target)
            return guess
        named = ",".join(column.source for column in guess) if guess else None
        said = ask("Which columns, separated by commas, tell one row from another?", named)
    names = [name.strip() for name in said.split(",")]
    return tuple(column_named(table, name, "--key") for name in names)


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise DataError(
            f"--time-zone {zone!r} is no IANA time zone.", "Write one such as Europe/Berlin."
        ) from error


def _checked_delay(delay: str) -> str:
    if not _DELAY.fullmatch(delay):
        raise DataError(
            f"--delay {delay!r} is no time span.",
            "Write a number of minutes, hours, days or weeks, such as 7 days.",
        )
    return delay
