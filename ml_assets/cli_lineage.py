"""Verbs that drill: impact, from a slice to all that used it, and trace, from a score to raw."""

from __future__ import annotations

import click

from ml_assets.cli_shared import pipeline_named, settings


@click.command()
@click.argument("table")
@click.argument("partition", required=False)
def impact(table: str, partition: str | None) -> None:
    """Show what was built from a slice: tables, models, predictions, verdicts, decisions.

    TABLE is written in full; PARTITION is left out where the table is stored whole:

    \b
    ml-assets impact flights.raw.flights 2013-05
    ml-assets impact flights.cleaned.planes

    What is "outdated" comes from content that the slice, or a table between, held before.
    """
    from ml_assets.lineage.impact import impact as find
    from ml_assets.lineage.told_impact import impact_lines

    pipeline, _, dotted = table.partition(".")
    loaded = pipeline_named(pipeline)
    for line in impact_lines(find(loaded, settings(), dotted, partition)):
        click.echo(line)


@click.command()
@click.argument("pipeline")
@click.argument("key", nargs=-1, required=True)
def trace(pipeline: str, key: tuple[str, ...]) -> None:
    """Show what the prediction about one entity rests on, down to the raw rows.

    KEY is written as name=value, or as the values in the key's order; a part of it is enough where
    it fits one entity:

    \b
    ml-assets trace flights flight_date=2013-05-07 carrier=UA flight_number=15 origin=EWR
    ml-assets trace flights 2013-05-07 UA 15 EWR
    """
    from ml_assets.lineage.told_trace import trace_lines
    from ml_assets.lineage.trace import trace as find

    loaded = pipeline_named(pipeline)
    for line in trace_lines(find(loaded, settings(), key)):
        click.echo(line)
