"""The verb that lives through the past: replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ml_assets.cli_shared import pipeline_named, settings, wide_console
from ml_assets.errors import MLAssetsError
from ml_assets.words import counted

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Pipeline


@click.command()
@click.argument("pipeline")
@click.option("--from", "first", help="First partition to live through, such as 2013-04.")
@click.option("--to", "last", help="Last one; by default the last that is over.")
@click.option("--fresh", is_flag=True, help="Forget what was lived through, and begin anew.")
def replay(pipeline: str, first: str | None, last: str | None, *, fresh: bool) -> None:
    """Live through past partitions as production would have, in a world of its own.

    Tables, scores, monitors, decisions, retrainings and the gate are the real ones; the clock is
    set. It can be stopped at any time: the same command goes on after the last finished refresh.
    By default it begins where model.split.walk_forward_from says, or with the first partition
    after it before which labels that look ahead are there to train on.
    """
    from ml_assets.replay.beginning import beginning
    from ml_assets.replay.pages import write_pages
    from ml_assets.replay.replay import replay as live_through
    from ml_assets.replay.root import root_of
    from ml_assets.replay.terminal import terminal_table

    loaded = pipeline_named(pipeline)
    begin, end = _bounds(loaded, first, last)
    root = root_of(settings(), pipeline, begin, end)
    if beginning(loaded, begin) != begin:
        click.echo(
            f"Whether a model can be there for {begin} depends on how early its labels came;"
            f" for {beginning(loaded, begin) or 'a partition still to come'} it can in any case."
        )
    try:
        periods = live_through(loaded, begin, end, root, click.echo, fresh=fresh)
    except (KeyboardInterrupt, RuntimeError) as error:
        # A Ctrl-C within a query is the cause of what DuckDB raises.
        if not isinstance(error.__cause__ or error, KeyboardInterrupt):
            raise
        raise click.ClickException("Stopped; the same command goes on.") from None
    problem = loaded.declaration.model.problem
    console = wide_console()
    console.print(terminal_table(pipeline, problem, periods))
    for name, path in write_pages(root, loaded, periods).items():
        console.print(f"{name:<9} {path}", soft_wrap=True, highlight=False)


def _bounds(pipeline: Pipeline, first: str | None, last: str | None) -> tuple[str, str]:
    """Return the first and the last partition; MLAssetsError where there are too few."""
    from ml_assets.replay.beginning import FEWEST, beginning

    every = pipeline.partitions.keys()
    first = first or beginning(pipeline)
    if first is None:
        raise MLAssetsError(
            f"{pipeline.name} has {counted(len(every), 'partition')}, too few to replay.",
            f"A replay trains on {FEWEST} with labels before it begins.",
        )
    last = last or every[-1]
    for option, key in (("--from", first), ("--to", last)):
        if key not in every:
            raise MLAssetsError(
                f"{option} {key} is no partition of {pipeline.name} that is over.",
                f"There are {every[0]} to {every[-1]}.",
            )
    return first, last
