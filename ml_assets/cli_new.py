"""The verb that makes a pipeline from a table: new."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ml_assets.scaffold.target import Problem


@click.command()
@click.argument("name")
@click.option(
    "--from", "file", required=True, help="CSV (also .tsv, .zip, .gz), Parquet or JSON lines."
)
@click.option("--target", help="Column to predict.")
@click.option("--time", help="Column that says when a row happened.")
@click.option("--key", help="Columns that tell rows apart, separated by commas.")
@click.option(
    "--problem",
    type=click.Choice(["binary", "multiclass", "regression"]),
    help="By the target's values.",
)
@click.option("--positive", help="Value of the target that means yes.")
@click.option("--delay", help='How long after its time a target is known, such as "7 days".')
@click.option("--time-zone", "zone", default="UTC", show_default=True, help="Of local times.")
def new(
    name: str,
    file: str,
    target: str | None,
    time: str | None,
    key: str | None,
    problem: Problem | None,
    positive: str | None,
    delay: str | None,
    zone: str,
) -> None:
    """Make the pipeline NAME from a table: look at it, and write a folder that runs at once.

    What is not said is guessed; at a terminal it is asked for, with the guess as default.

    \b
    ml-assets new rain --from weather.csv --target weather --positive rain
    """
    import duckdb

    from ml_assets.folders import PIPELINES
    from ml_assets.scaffold.choose import Said, draft_from
    from ml_assets.scaffold.place import folder_for
    from ml_assets.scaffold.table import read_table
    from ml_assets.scaffold.told import told
    from ml_assets.scaffold.write import write_pipeline

    folder = folder_for(name, PIPELINES)
    said = Said(
        target=target,
        time=time,
        key=key,
        problem=problem,
        positive=positive,
        delay=delay,
        zone=zone,
    )
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        table = read_table(con, _lasting(file))
        draft = draft_from(con, name, table, said, _ask if sys.stdin.isatty() else None)
    for line in told(draft, write_pipeline(draft, folder)):
        click.echo(line)


def _ask(question: str, guess: str | None) -> str:
    return str(click.prompt(question, default=guess))


def _lasting(file: str) -> str:
    """Return the path as a run finds it: relative to the project, or in full."""
    from ml_assets.warehouse.settings import project_folder

    path, project = Path(file).expanduser().resolve(), project_folder().resolve()
    if Path.cwd().resolve() == project and path.is_relative_to(project):
        return str(path.relative_to(project))
    return str(path)
