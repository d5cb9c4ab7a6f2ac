"""The pipeline as it is to be written: every decision, taken from the table and what was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.scaffold.calendar import make_calendar, refuse_one_class
from ml_assets.scaffold.columns import MOST_VALUES
from ml_assets.scaffold.contract import contracts
from ml_assets.scaffold.keys import check_key
from ml_assets.scaffold.leaks import find_leaks
from ml_assets.scaffold.made import made_features

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from ml_assets.scaffold.calendar import Calendar
    from ml_assets.scaffold.columns import Column
    from ml_assets.scaffold.contract import Rules
    from ml_assets.scaffold.keys import Key
    from ml_assets.scaffold.leaks import Leak
    from ml_assets.scaffold.made import Made
    from ml_assets.scaffold.moment import Moment
    from ml_assets.scaffold.table import Table
    from ml_assets.scaffold.target import Target


@dataclass(frozen=True)
class Draft:
    """Everything that the files of a new pipeline say."""

    name: str
    table: Table
    target: Target
    moment: Moment
    key: Key
    zone: str
    delay: str
    """How long after its time a row's target is known, such as 7 days."""
    calendar: Calendar
    leaks: tuple[Leak, ...]
    contracts: Mapping[str, Rules]
    features: tuple[Column, ...]
    made: tuple[Made, ...]
    left_out: Mapping[str, str]
    """Column of the file to why it is no feature."""

    @property
    def time(self) -> Column:
        """The column of the row's time."""
        return self.moment.column

    @property
    def at_once(self) -> bool:
        """Whether the target is known at the row's time already."""
        return self.delay.startswith("0 ")

    @property
    def outcomes(self) -> tuple[Column, ...]:
        """The columns that are known with the target, it first."""
        return (self.target.column, *(leak.column for leak in self.leaks))

    @property
    def facts(self) -> tuple[Column, ...]:
        """The columns of the file that are known as the row happens."""
        first = [*self.key, self.time]
        rest = [one for one in self.table.columns if one not in (*first, *self.outcomes)]
        return tuple(dict.fromkeys([*first, *rest]))

    @property
    def key_features(self) -> tuple[Column, ...]:
        """The key's columns that mean something, such as a shop."""
        return tuple(
            one
            for one in self.key
            if one != self.time and one.distinct <= MOST_VALUES and _learnable(one) is None
        )

    @property
    def categories(self) -> list[str]:
        """Names of the features with few values, those with fewest first."""
        few = (
            column
            for column in (*self.key_features, *self.features)
            if (column.text or column.type == "BOOLEAN") and column.distinct > 1
        )
        return [column.name for column in sorted(few, key=lambda one: one.distinct)]


def make_draft(
    con: duckdb.DuckDBPyConnection,
    name: str,
    table: Table,
    target: Target,
    moment: Moment,
    key: Key,
    zone: str,
    delay: str,
) -> Draft:
    """Decide everything else; raises DataError where no pipeline can come of it."""
    _refuse_overlap(table, target, moment)
    check_key(con, table, key, target.column)
    calendar = make_calendar(con, table, moment, zone)
    refuse_one_class(con, table, target, moment, calendar, zone)
    known = [one for one in table.columns if one not in (target.column, moment.column, *key)]
    leaks = find_leaks(con, table, target, moment, known)
    late = [leak.column for leak in leaks]
    reasons = {one.source: _learnable(one) for one in known if one not in late}
    draft = Draft(
        name=name,
        table=table,
        target=target,
        moment=moment,
        key=key,
        zone=zone,
        delay=delay,
        calendar=calendar,
        leaks=tuple(leaks),
        contracts=contracts(con, table, moment),
        features=tuple(one for one in known if one not in late and reasons[one.source] is None),
        made=tuple(made_features(con, table, moment, zone)),
        left_out={source: why for source, why in reasons.items() if why is not None},
    )
    _refuse_featureless(draft)
    return draft


def _learnable(column: Column) -> str | None:
    """Return why a model can learn nothing from the column, or None."""
    if column.constant:
        return "constant"
    if column.moment:
        return "a moment: write its distance from the row's time as a feature"
    if column.words:
        words = ", ".join(repr(word) for word in column.words)
        return f"text, for not all values are numbers: {words}; write nothing there, or a number"
    if column.identifier:
        return f"an identifier, {column.distinct:,} values"
    if column.text and column.distinct > MOST_VALUES:
        return f"text with {column.distinct:,} values: group them to use it"
    if not (column.number or column.text or column.type == "BOOLEAN"):
        return f"of the type {column.type}: turn it into a number or a text"
    return None


def _refuse_overlap(table: Table, target: Target, moment: Moment) -> None:
    if target.column == moment.column:
        raise DataError(
            f"--target and --time are both {moment.column.source}.",
            "The time is known when a prediction is asked for, the target is not.",
        )
    if moment.column.nulls > 0.01 * table.rows:
        raise DataError(
            f"--time {moment.column.source} is NULL in {moment.column.nulls:,} of"
            f" {table.rows:,} rows.",
            "Each row needs one, or it is rejected; name another column or mend the file.",
        )


def _refuse_featureless(draft: Draft) -> None:
    if draft.features or draft.made or draft.key_features:
        return
    why = [f"{source} ({reason})" for source, reason in draft.left_out.items()]
    why += [f"{leak.column.source} ({leak.how})" for leak in draft.leaks]
    raise DataError(
        f"No column of {draft.table.name} can be a feature: {', '.join(why) or 'none is left'}.",
        "Bring columns that are known before the target is.",
    )
