"""`ml-assets`: the command line, thin over the platform."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ml_assets.cli_backtest import backtest
from ml_assets.cli_decisions import resume, status, why
from ml_assets.cli_lineage import impact, trace
from ml_assets.cli_loop import promote, rollback
from ml_assets.cli_new import new
from ml_assets.cli_replay import replay
from ml_assets.cli_shared import collect_seldom, folder_named, pipeline_named, settings
from ml_assets.errors import MLAssetsError
from ml_assets.words import counted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


WIDTH = 10_000
"""Of a query's answer, in characters: columns that a narrow terminal wraps are not left out."""


class _People(click.Group):
    """Shows a user's fault as text, without the trace of the code that found it."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except MLAssetsError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_People, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """ML pipelines on Dagster, DuckDB and LightGBM that are safe to leave switched on."""
    from ml_assets.warehouse.settings import project_folder

    collect_seldom()
    # Without a home Dagster would forget its runs; a set one is respected.
    home = Path(os.environ.get("DAGSTER_HOME") or project_folder() / ".dagster").resolve()
    home.mkdir(parents=True, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(home)
    warnings.filterwarnings("ignore", module=r"dagster(\..*)?")


@main.command()
@click.argument("pipeline")
def run(pipeline: str) -> None:
    """Materialize what is not up to date and print a summary."""
    import dagster as dg
    from rich.console import Console

    from ml_assets.automation.due import due, leave_training
    from ml_assets.automation.guard import recover
    from ml_assets.automation.launch import run_due
    from ml_assets.automation.summary import print_summary
    from ml_assets.component.location import definitions

    loaded, where, console = pipeline_named(pipeline), settings(), Console()
    with dg.DagsterInstance.get() as instance:
        for run_id in recover(instance, where):
            console.print(f"Run {run_id} was killed; it is marked as failed now.")
        found, busy = leave_training(due(loaded, where), loaded, instance)
        if busy is not None:
            console.print(f"The model is left to {busy.run_key}, which is {busy.status}.")
        if found.nothing:
            console.print("The rest is up to date." if busy else f"{pipeline} is up to date.")
        else:
            defs = definitions([folder_named(pipeline)])
            result = run_due(defs, loaded, found, instance)
            if not result.success:
                raise click.ClickException(
                    f"Run {result.run_id} failed; its last messages say why."
                )
        print_summary(console, instance, loaded, where)


@main.command()
@click.argument("pipeline")
def evaluate(pipeline: str) -> None:
    """Walk forward through time: a model per test partition, trained on the past only."""
    import dagster as dg
    from rich.console import Console
    from rich.markdown import Markdown

    from ml_assets.assets.events import latest
    from ml_assets.automation.launch import run_job
    from ml_assets.component.location import definitions

    loaded = pipeline_named(pipeline)
    with dg.DagsterInstance.get() as instance:
        defs = definitions([folder_named(pipeline)])
        result = run_job(defs, f"{loaded.name}_evaluate", instance)
        if not result.success:
            raise click.ClickException(f"Run {result.run_id} failed; its last messages say why.")
        found = latest(instance, dg.AssetKey([pipeline, "walk_forward"]))
    if found is not None:
        Console().print(Markdown(found["table"]))


@main.command()
@click.argument("pipeline")
def plan(pipeline: str) -> None:
    """Show what a run would rebuild, and why."""
    from ml_assets.automation.due import due

    found = due(pipeline_named(pipeline), settings())
    for step in found.steps:
        click.echo(f"{step.node.dotted:<24} {step.partition or '-':<10} {step.reason}")
    if found.model is not None:
        click.echo(f"{'model':<24} {'-':<10} {found.model}")
    for partition, reason in sorted(found.scores.items(), key=lambda item: item[0] or ""):
        click.echo(f"{'predictions.scores':<24} {partition or '-':<10} {reason}")
    if found.loop is not None:
        click.echo(f"{'predictions, monitors':<24} {'-':<10} {found.loop}")
    if found.nothing:
        click.echo(f"{pipeline} is up to date.")


@main.command("list")
def list_pipelines() -> None:
    """List the pipelines with the state of their tables and the version that is live."""
    from ml_assets.component.folder import read_folder
    from ml_assets.folders import pipeline_folders
    from ml_assets.tables.state import state

    for folder in pipeline_folders():
        try:
            found = state(read_folder(folder), settings())
        except MLAssetsError as error:
            found = f"broken: {error.fact}"
        click.echo(f"{folder.name:<16} {found}")


@main.command()
@click.argument("pipeline")
@click.argument("query")
def sql(pipeline: str, query: str) -> None:
    """Run a read-only query; raw.x, cleaned.x and features.x are the pipeline's tables."""
    import duckdb

    from ml_assets.warehouse.notebook import open_lake

    with open_lake(folder_named(pipeline).name) as con:
        try:
            _require_reading(con, query)
            con.sql(query).show(max_width=WIDTH)
        except duckdb.Error as error:
            raise click.ClickException(str(error)) from error


def _require_reading(con: DuckDBPyConnection, query: str) -> None:
    statements = con.extract_statements(query)
    if len(statements) != 1:
        raise click.ClickException(f"Write one query; there are {len(statements)} statements.")
    kind = statements[0].type.name
    if kind not in {"SELECT", "EXPLAIN", "CALL"}:
        article = "an" if kind[0] in "AEIOU" else "a"
        raise click.ClickException(
            f"This is {article} {kind} statement, and here tables are only read. They are built by"
            " materializing their assets (ml-assets run)."
        )


@main.command()
@click.argument("reference")
def reproduce(reference: str) -> None:
    """Rebuild a registered model, such as flights@champion or flights/3, bit for bit."""
    from ml_assets.automation.reproduce import find_version
    from ml_assets.automation.reproduce import reproduce as rebuild

    where = settings()
    version = find_version(where, reference)
    found = rebuild(pipeline_named(version.name), where, version)
    for line in found.lines():
        click.echo(line)
    sys.exit(0 if found.identical else 1)


@main.command()
@click.argument("pipeline")
@click.option("--keep-days", default=30, show_default=True, help="Age of the oldest snapshot kept.")
def maintain(pipeline: str, keep_days: int) -> None:
    """Expire old snapshots, merge small files and give their space back; champions' data stays."""
    from datetime import timedelta

    from ml_assets.warehouse.lake import connect
    from ml_assets.warehouse.snapshots import maintain as tidy

    with connect(pipeline_named(pipeline).name, settings()) as con:
        done = tidy(con, pipeline, timedelta(days=keep_days), on_wait=click.echo)
    click.echo(
        f"{counted(len(done.expired), 'snapshot')} expired,"
        f" {counted(done.removed_files, 'file')} removed."
    )


@main.command()
@click.option("--port", default=3000, show_default=True, help="Port of the Dagster UI.")
@click.option("--mlflow-port", default=5000, show_default=True, help="Port of the MLflow UI.")
def ui(port: int, mlflow_port: int) -> None:
    """Serve the Dagster UI with its daemon, and MLflow's, on localhost until interrupted."""
    from ml_assets.automation.servers import serve

    serve(port, mlflow_port, settings(), click.echo)


for verb in (new, why, status, resume, promote, rollback, replay, backtest, impact, trace):
    main.add_command(verb)

if __name__ == "__main__":
    main()
