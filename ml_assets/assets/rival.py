"""Who answers for the champion in a look, and the rows that both sides are asked about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ml_assets.assets.former import former_rows
from ml_assets.assets.gate_window import Contender, Rows, comparison, contender, read_window
from ml_assets.assets.same_code import changed_features
from ml_assets.errors import TrackingError
from ml_assets.loop.paired import FEWEST_CLUSTERS
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
    changed little or nothing that it has not seen has features of its code, and nothing more ever
    gets them: the version it was refitted from, which held rows out, answers in its place.
    """
    changed = changed_features(pipeline, champion.record)
    own = _asked(pipeline, books, source, champion, challenger, changed)
    if not changed or _enough(pipeline, own, challenger):
        return own
    first = _refitted_from(books, champion)
    other = own if first is None else _asked(pipeline, books, source, first, challenger, changed)
    if first is None or isinstance(other, str) or not _enough(pipeline, other, challenger):
        return _for_good(own, changed)
    told = (
        f"{first.name.capitalize()} answers for the champion, its refit {champion.name}: of the"
        f" rows that {champion.name} has not seen, too few have features of its code."
    )
    return replace(other, stands_in=told)


def _enough(pipeline: Pipeline, asked: Rival | str, challenger: Contender) -> bool:
    """Return whether there are rows to judge on."""
    if isinstance(asked, str) or not asked.rows.challenger.num_rows:
        return False
    seen = comparison(pipeline, asked.rows, asked.who, challenger)
    return not seen.lacking(1, FEWEST_CLUSTERS)


def _for_good(own: Rival | str, changed: list[str]) -> Rival | str:
    """Return who is to wait for more rows, or why it would wait in vain."""
    if isinstance(own, str) or not own.rows.ended:
        return own
    return f"{other_code(own.who, changed)}, and of too few rows it computed features"


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
    """Return the challenger that the champion is the refit of, while it can be loaded."""
    number = champion.version.refit_of
    found = [one for one in books.versions() if one.version == number]
    if not found:
        return None
    try:
        return contender(books.settings, found[0])
    except TrackingError as error:
        books.on_wait(f"version {number} cannot answer for its refit: {error}")
        return None
