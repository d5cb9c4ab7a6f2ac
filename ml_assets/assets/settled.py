"""Registry and ledger opened together by an asset, agreed before anything is read from them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ml_assets.assets.books import Books
from ml_assets.assets.live import settle
from ml_assets.assets.shell import lake_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg

    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings


@contextmanager
def settled(
    context: dg.AssetExecutionContext, pipeline: Pipeline, settings: Settings
) -> Iterator[Books]:
    """Yield the books; what the ledger lacked, such as an alias moved by hand, is a warning."""
    with lake_of(context, pipeline).get_connection() as con:
        books = Books(pipeline=pipeline.name, settings=settings, con=con, on_wait=context.log.info)
        for row in settle(books):
            context.log.warning(f"the ledger lacked version {row.to_version}: {row.reason}")
        yield books
