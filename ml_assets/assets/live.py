"""Which version is live: moved so that no kill tears it, and written to the ledger.

MLflow and the lake share no transaction. A move is therefore noted first: the ledger's row in a
file of the run behind the version that goes live, and the file's name in a tag of the version. Then
the alias `champion` moves, which is the moment that counts; the other aliases, the ledger's row and
the end of the note follow. Whoever comes next finishes what a kill left over. A champion that
neither the ledger nor a note knows was made by hand, and that is written down too.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ml_assets import clock
from ml_assets.assets.books import MLFLOW, keep, record
from ml_assets.errors import TrackingError
from ml_assets.warehouse.appended import PromotionRow, last_live
from ml_assets.warehouse.turn import file_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_assets.assets.books import Books
    from ml_assets.registry.versions import Version

NOTE = "ml_assets.goes_live"
"""Tag of a version whose move to champion has begun: the file of its run with the ledger's row.

MLflow limits a tag to 100,000 characters, and a row tells of every judged slice."""


def settle(books: Books) -> list[PromotionRow]:
    """Bring the ledger to what the registry says; return the rows that were missing."""
    with _turn(books):
        return _settle(books)


def go_live(books: Books, row: PromotionRow) -> PromotionRow:
    """Make `row.to_version` champion; return the row as it was written.

    Where another version became champion since `row.from_version` was looked at, nothing moves.
    """
    with _turn(books):
        _settle(books)
        champion = books.champion()
        if (champion and champion.version) != row.from_version:
            row = _overtaken(row, champion)
            record(books, row)
            return row
        _go(books, row)
        return row


def promote_by_hand(books: Books, number: int, who: str) -> PromotionRow:
    """Make a version champion because a person says so; TrackingError where it is already."""
    with _turn(books):
        _settle(books)
        version, champion = books.version(number), books.champion()
        if champion is not None and champion.version == version.version:
            raise TrackingError(f"{books.pipeline} version {number} is champion.", "Nothing to do.")
        row = by_hand(champion, version.version, "promoted by hand", who)
        _go(books, row)
        return row


def roll_back(books: Books, who: str) -> PromotionRow:
    """Make the previous champion champion again; TrackingError where there is none."""
    from ml_assets.registry.versions import rollback_target

    with _turn(books):
        _settle(books)
        live, back = rollback_target(books.tracking_uri, books.pipeline)
        row = by_hand(live, back.version, f"rolled back from version {live.version}", who)
        _go(books, row)
        return row


def by_hand(champion: Version | None, number: int, reason: str, who: str) -> PromotionRow:
    """Return the row of a version that goes live by a person's will."""
    return PromotionRow(
        promoted_at=clock.now(),
        promoted=True,
        from_version=None if champion is None else champion.version,
        to_version=number,
        reason=reason,
        decided_by=who,
    )


def _go(books: Books, row: PromotionRow) -> None:
    version = books.version(row.to_version)
    keep(books, version)
    _note(books, version, row)
    _finish(books, version, row)


def _note(books: Books, version: Version, row: PromotionRow) -> None:
    """Write the row, then the tag: whoever sees the tag finds a whole row."""
    from ml_assets.registry.tracking import log_text
    from ml_assets.registry.versions import set_tag

    file = f"goes_live/{row.promoted_at.astimezone(UTC):%Y%m%dT%H%M%S%f}.json"
    text = json.dumps({**asdict(row), "promoted_at": row.promoted_at.isoformat()})
    log_text(books.tracking_uri, version.run_id, file, text)
    set_tag(books.tracking_uri, version, NOTE, file)


def _noted(books: Books, version: Version) -> PromotionRow:
    """Read the row that a version's note names."""
    from ml_assets.registry.tracking import read_text

    values = json.loads(read_text(books.tracking_uri, version.run_id, version.tags[NOTE]))
    return PromotionRow(**{**values, "promoted_at": datetime.fromisoformat(values["promoted_at"])})


def _finish(books: Books, version: Version, row: PromotionRow) -> None:
    """Do what a note says; every part of it may have been done before."""
    from ml_assets.registry.versions import make_champion, set_tag

    make_champion(books.tracking_uri, version, _before(books, row))
    record(books, row)
    set_tag(books.tracking_uri, version, NOTE, None)


def _before(books: Books, row: PromotionRow) -> Version | None:
    """Return the version that was live before a row's, also where it had lost the alias since.

    None where there was none, or where it was deleted.
    """
    others = [one for one in books.rows() if one.to_version != row.to_version]
    last = last_live(others)
    number = row.from_version or (last and last.to_version)
    return next((one for one in books.versions() if one.version == number), None)


def _settle(books: Books) -> list[PromotionRow]:
    from ml_assets.registry.versions import make_champion

    written = []
    for version in books.versions():
        if NOTE in version.tags:
            written += _settle_note(books, version, _noted(books, version))
    champion = books.champion()
    last = last_live(books.rows())
    if champion is None or (last is not None and last.to_version == champion.version):
        return written
    how = "champion before this ledger began" if last is None else "alias moved by hand in MLflow"
    row = replace(
        by_hand(None, champion.version, how, MLFLOW),
        from_version=None if last is None else last.to_version,
    )
    keep(books, champion)
    make_champion(books.tracking_uri, champion, _before(books, row))
    record(books, row)
    return [*written, row]


def _settle_note(books: Books, version: Version, row: PromotionRow) -> list[PromotionRow]:
    """Finish what a note began, unless it is in the ledger or overtaken by another champion."""
    from ml_assets.registry.versions import set_tag

    champion = books.champion()
    number = champion and champion.version
    known = {(one.to_version, one.promoted_at) for one in books.rows()}
    if (row.to_version, row.promoted_at) in known:
        set_tag(books.tracking_uri, version, NOTE, None)
        return []
    if number == row.to_version:
        _finish(books, version, row)
    elif number == row.from_version:
        row = replace(row, promoted_at=clock.now())
        _go(books, row)
    else:
        row = _overtaken(row, champion)
        record(books, row)
        set_tag(books.tracking_uri, version, NOTE, None)
    return [row]


def _overtaken(row: PromotionRow, champion: Version | None) -> PromotionRow:
    now = "no version is" if champion is None else f"version {champion.version} is"
    reason = f"overtaken: {now} champion, and it was decided against version {row.from_version}"
    return replace(row, promoted=False, reason=f"{reason}. {row.reason}")


@contextmanager
def _turn(books: Books) -> Iterator[None]:
    """Let one process of this machine at a time move a pipeline's aliases."""
    folder = books.settings.data / "promotion"
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / f"{books.pipeline}.lock"
    with file_turn(lock, books.pipeline, "moving aliases", books.on_wait):
        yield
