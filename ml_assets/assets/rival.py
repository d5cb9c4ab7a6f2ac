"""Who answers for the champion in a look, and the rows that both sides are asked about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ml_assets.assets.former import former_rows
from ml_assets.assets.gate_window import Contender, Rows, contender, read_window
from ml_assets.assets.same_code import changed_features
from ml_assets.ml.training_table import partitions_of

if TYPE_CHECKING:
    from ml_assets.assets.books import Books
    from ml_assets.assets.training_set import Reading
    from ml_assets.tables.pipeline import Pipeline


@dataclass(frozen=True)
class Rival:
    """The version a challenger is held against, and the rows with the features of both."""

    who: Contender
    rows: Rows
    stands_in: str = ""
    """The sentence that says why it is not the champion itself."""


def rival(
    pipeline: Pipeline, books: Books, source: Reading, champion: Contender, challenger: Contender
) -> Rival | str:
    """Return who answers and about which rows, or why nobody can.

    A champion that went live by a refit was trained on all rows of its day. Once its code is
    changed nothing that it has not seen ever gets features of its code, so that waiting is in vain:
    the version it was refitted from, which held rows out, answers in its place.
    """
    changed = changed_features(pipeline, champion.record)
    own = _asked(pipeline, books, source, champion, challenger, changed)
    if not changed or (isinstance(own, Rival) and own.rows.challenger.num_rows):
        return own
    first = _refitted_from(books, champion)
    if first is None:
        return own
    other = _asked(pipeline, books, source, first, challenger, changed)
    if isinstance(other, str) or not other.rows.challenger.num_rows:
        return own
    told = (
        f"{first.name.capitalize()} answers for the champion, its refit {champion.name}, which has"
        f" seen every row that there are features of its code for."
    )
    return replace(other, stands_in=told)


def other_code(who: Contender, changed: list[str]) -> str:
    """Say of which tables a version knows other code than today's."""
    return f"{who.name} was trained on other code of {', '.join(changed)} than today's"


def _asked(
    pipeline: Pipeline,
    books: Books,
    source: Reading,
    who: Contender,
    challenger: Contender,
    changed: list[str],
) -> Rival | str:
    """Return the rows that `who` is asked about, or why it cannot be.

    A version whose features are of other code than today's gets them from before the change.
    """
    asked = replace(who, record=replace(who.record, features=[])) if changed else who
    rows = read_window(pipeline, books.settings, source, asked, challenger)
    if not changed or not rows.num_rows:
        return Rival(who, Rows(rows, rows, source.snapshot, len(partitions_of(rows))))
    former = former_rows(pipeline, books.settings, source.snapshot, who.record, changed, rows)
    if isinstance(former, str):
        return f"{other_code(who, changed)}, and {former}"
    books.on_wait(f"{who.name} gets its features from snapshot {former.snapshot}")
    return Rival(who, former)


def _refitted_from(books: Books, champion: Contender) -> Contender | None:
    """Return the challenger that the champion is the refit of, while it is registered."""
    number = champion.version.refit_of
    found = [one for one in books.versions() if one.version == number]
    return contender(books.settings, found[0]) if found else None
