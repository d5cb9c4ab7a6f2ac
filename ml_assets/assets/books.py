"""The books of a pipeline: MLflow's registry and the ledger of promotions beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.errors import TrackingError
from ml_assets.warehouse.appended import PromotionRow, insert, promotions
from ml_assets.warehouse.commit import commit
from ml_assets.warehouse.snapshots import protect, protected, release

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

    from ml_assets.registry.versions import Version
    from ml_assets.warehouse.settings import Settings

GATE, MLFLOW = "gate", "mlflow"
"""Who decides, besides people."""


@dataclass(frozen=True, kw_only=True)
class Books:
    """The registry and the ledger of one pipeline, which are kept in agreement."""

    pipeline: str
    settings: Settings
    con: DuckDBPyConnection
    on_wait: Callable[[str], None]

    @property
    def tracking_uri(self) -> str:
        """Where the registry is."""
        return self.settings.tracking_uri

    def versions(self) -> list[Version]:
        """Return all registered versions with their aliases, oldest first."""
        from ml_assets.registry.versions import versions

        return versions(self.tracking_uri, self.pipeline)

    def version(self, number: int) -> Version:
        """Return a registered version; TrackingError names those there are."""
        found = {one.version: one for one in self.versions()}
        if number not in found:
            known = ", ".join(str(known) for known in found) or "none"
            raise TrackingError(f"{self.pipeline} has no version {number}.", f"There are: {known}.")
        return found[number]

    def champion(self) -> Version | None:
        """Return the version that is live, None if there is none."""
        from ml_assets.registry.versions import champion

        return champion(self.tracking_uri, self.pipeline)

    def rows(self) -> list[PromotionRow]:
        """Return the ledger of promotions, oldest first."""
        return promotions(self.con, self.pipeline)


def record(books: Books, row: PromotionRow) -> None:
    """Write a row, and let the data expire of versions that bear no alias any more."""
    unnamed = {_owner(one) for one in books.versions() if not one.aliases}

    def write() -> None:
        insert(books.con, books.pipeline, row)
        kept = {owner for owners in _protected(books).values() for owner in owners}
        release(books.con, books.pipeline, sorted(unnamed & kept))

    _commit(books, write, f"ops.promotions: version {row.to_version}")


def keep(books: Books, version: Version) -> None:
    """Keep the data a version was trained on from expiring, before it gets an alias.

    A version whose data is gone could not be rebuilt.
    """
    from ml_assets.registry.record import read_record

    snapshot, owner = read_record(books.tracking_uri, version.run_id).snapshot_id, _owner(version)
    if owner not in _protected(books).get(snapshot, ()):
        _commit(
            books,
            lambda: protect(books.con, books.pipeline, snapshot, owner),
            f"protect the data of {owner}",
        )


def _owner(version: Version) -> str:
    return f"{version.name} version {version.version}"


def _protected(books: Books) -> dict[int, tuple[str, ...]]:
    return protected(books.con, books.pipeline)


def _commit(books: Books, work: Callable[[], None], message: str) -> None:
    commit(books.con, books.pipeline, work, message=message, extra={}, on_wait=books.on_wait)
