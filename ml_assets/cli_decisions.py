"""Verbs about the loop's decisions: why, status and resume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ml_assets.cli_shared import pipeline_named, settings, who

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Pipeline


@click.command()
@click.argument("pipeline")
@click.option("--last", default=10, show_default=True, help="How many decisions to show.")
def why(pipeline: str, last: int) -> None:
    """Show the last decisions about retraining and promotion with their reasons."""
    from ml_assets.automation.loop_state import told, told_move
    from ml_assets.warehouse.appended import decisions, promotions
    from ml_assets.warehouse.lake import connect

    loaded = pipeline_named(pipeline)
    with connect(loaded.name, settings(), read_only=True) as con:
        lines = [(row.decided_at, told(row)) for row in decisions(con, loaded.name)]
        lines += [(row.promoted_at, told_move(row)) for row in promotions(con, loaded.name)]
    for _, line in sorted(lines)[-last:]:
        click.echo(line)
    if not lines:
        click.echo(f"Nothing was decided about {pipeline} yet.")


@click.command()
@click.argument("pipeline")
def status(pipeline: str) -> None:
    """Show broken sources, champion, monitors, decision, its outcome, failed runs, automation."""
    import dagster as dg

    from ml_assets.automation.loop_state import automation_lines, loop_lines, source_lines

    loaded = pipeline_named(pipeline)
    for line in [*source_lines(loaded), *loop_lines(loaded, settings())]:
        click.echo(line)
    with dg.DagsterInstance.get() as instance:
        lines = automation_lines(instance, loaded, settings())
    for line in lines:
        click.echo(line)


@click.command()
@click.argument("pipeline")
@click.option("--reason", required=True, help="What was found and mended; it goes to the ledger.")
def resume(pipeline: str, reason: str) -> None:
    """Close the breaker: let the loop retrain again after a person looked."""
    from ml_assets import clock
    from ml_assets.warehouse.appended import ResetRow, append
    from ml_assets.warehouse.lake import connect

    loaded = pipeline_named(pipeline)
    if not _breaker_open(loaded):
        raise click.ClickException(
            f"No breaker of {pipeline} is open, so there is nothing to resume:"
            f" `ml-assets why {pipeline}` tells what was decided."
        )
    row = ResetRow(reset_at=clock.now(), reason=reason, decided_by=who())
    with connect(loaded.name, settings()) as con:
        append(con, loaded.name, row, on_wait=click.echo)
    click.echo(f"{pipeline} may retrain again; the next decision counts from now.")


def _breaker_open(pipeline: Pipeline) -> bool:
    """Return whether the breaker alone would block the loop; nothing is created."""
    from dataclasses import replace

    import dagster as dg

    from ml_assets import clock
    from ml_assets.assets.grounds import history
    from ml_assets.loop.attempt import active
    from ml_assets.loop.decide import decide
    from ml_assets.warehouse.lake import connect

    with (
        connect(pipeline.name, settings(), read_only=True) as con,
        dg.DagsterInstance.get() as instance,
    ):
        past = history(instance, con, pipeline, None)
    # Neither broken data nor a lost champion nor a run, which come first, close the breaker.
    over = [one for one in past.attempts if not active([one])]
    past = replace(past, lost_champion=None, attempts=over)
    return decide([], past, pipeline.declaration.retraining, clock.now()).cause == "breaker"
