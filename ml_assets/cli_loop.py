"""Verbs that say which version is live: promote and rollback."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ml_assets.cli_shared import folder_named, settings, who

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_assets.assets.books import Books
    from ml_assets.warehouse.appended import PromotionRow


@click.command()
@click.argument("pipeline")
@click.argument("version", type=int)
def promote(pipeline: str, version: int) -> None:
    """Make a registered version champion, whatever the gate says.

    The champion before it becomes `previous`; the next scoring uses the new one. The ledger keeps
    who did it. What was live on a day:

    \b
    ml-assets sql flights "SELECT to_version, promoted_at, reason, decided_by
        FROM flights.ops.promotions
        WHERE promoted AND promoted_at <= TIMESTAMPTZ '2026-11-21 12:00:00+00'
        ORDER BY promoted_at DESC, wall_time DESC LIMIT 1"
    """
    from ml_assets.assets.live import promote_by_hand

    with _books(pipeline) as books:
        click.echo(_told(pipeline, promote_by_hand(books, version, who())))


@click.command()
@click.argument("pipeline")
def rollback(pipeline: str) -> None:
    """Make the previous champion champion again; a second rollback takes the first one back.

    The next scoring uses it. The query in `ml-assets promote --help` tells what was live when.
    """
    from ml_assets.assets.live import roll_back

    with _books(pipeline) as books:
        click.echo(_told(pipeline, roll_back(books, who())))


@contextmanager
def _books(name: str) -> Iterator[Books]:
    from ml_assets.assets.books import Books
    from ml_assets.warehouse.lake import connect

    # Only the name is needed: a pipeline whose folder is broken can still be rolled back.
    pipeline, where = folder_named(name).name, settings()
    with connect(pipeline, where) as con:
        yield Books(pipeline=pipeline, settings=where, con=con, on_wait=_wait)


def _wait(message: str) -> None:
    click.echo(message, err=True)


def _told(pipeline: str, row: PromotionRow) -> str:
    was = "none was" if row.from_version is None else f"version {row.from_version} was"
    return f"{pipeline} version {row.to_version} is champion now; {was} before ({row.decided_by})."
