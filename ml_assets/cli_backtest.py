"""The verb that compares retraining policies on the past: backtest."""

from __future__ import annotations

import click

from ml_assets.cli_shared import pipeline_named, settings, wide_console


@click.command()
@click.argument("pipeline")
@click.option(
    "--policy",
    "names",
    multiple=True,
    help="never; monthly (weekly, daily), every:3; auc:.02, psi:.1, calibration; defs,"
    " defs-without-refit, defs-without-gate. May be repeated; without it all are compared.",
)
@click.option(
    "--from", "first", help="First partition to live through; the walk-forward's if not given."
)
@click.option("--to", "last", help="Last partition; the last with its labels if not given.")
@click.option("--trials", default=0, show_default=True, help="Tuning trials per model.")
def backtest(
    pipeline: str, names: tuple[str, ...], first: str | None, last: str | None, trials: int
) -> None:
    """Compare retraining policies on the past: what each gains, and what it costs.

    The lake is only read, and nothing is registered. What was computed is kept under
    backtests/ in the data folder, so that a second call takes seconds and a stopped one goes on.

    \b
    ml-assets backtest flights --policy monthly --policy defs
    """
    from rich.markdown import Markdown

    from ml_assets.backtest.page import write_page
    from ml_assets.backtest.run import backtest as live_through
    from ml_assets.backtest.table import markdown

    where, loaded = settings(), pipeline_named(pipeline)
    found = live_through(
        loaded, where, names, first=first, last=last, trials=trials, progress=_tell
    )
    wide_console().print(Markdown(markdown(found)))
    click.echo(f"\nReport: {write_page(loaded, where, found)}")


def _tell(message: str) -> None:
    click.echo(message, err=True)
