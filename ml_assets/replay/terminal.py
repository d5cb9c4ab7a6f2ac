"""The table of a replay on the terminal: a line per partition, the reasons below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.ml.metrics import METRICS, PRIMARY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from ml_assets.replay.table import Period

ALARMING = ("alarm", "broken")


def shown_metrics(problem: str) -> list[str]:
    """Return the primary metric and the first of the others."""
    primary = PRIMARY[problem]
    return [primary, *[name for name in METRICS[problem] if name != primary][:1]]


def alarms(period: Period) -> list[str]:
    """Return the causes that alarmed, or are broken, in words."""
    return [name.replace("_", " ") for name, said in period.verdicts.items() if said in ALARMING]


def answer(period: Period) -> str:
    """Return what became of a challenger in a word or two; empty without one."""
    if not period.gate:
        return ""
    return f"{period.after} goes live" if period.promoted else "stays out"


def terminal_table(pipeline: str, problem: str, periods: Sequence[Period]) -> RenderableType:
    """Return the table with what was decided in every partition."""
    from rich.console import Group
    from rich.text import Text

    reasons = [
        f"{period.partition}  {period.decision}: {period.reason}"
        + (f"\n{'':<{len(period.partition)}}  gate: {period.gate}" if period.gate else "")
        for period in periods
        if period.decision
    ]
    return Group(_table(pipeline, problem, periods), Text("\n".join(reasons)), Text())


def _table(pipeline: str, problem: str, periods: Sequence[Period]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    names = shown_metrics(problem)
    span = f"{periods[0].partition} to {periods[-1].partition}"
    table = Table(
        title=f"{pipeline}: {span} as it would have gone",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("", no_wrap=True)
    for name in ("rows", "live", "labels", *(name.replace("_", " ") for name in names)):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("alarms", "decision", "gate"):
        table.add_column(name)
    table.add_column("after", justify="right", no_wrap=True)
    for period in periods:
        table.add_row(
            period.partition,
            f"{period.rows:,}",
            _version(period.version),
            f"{period.coverage:.1%}",
            *(_estimate(period, name) for name in names),
            ", ".join(alarms(period)),
            period.decision,
            answer(period),
            _version(period.after),
        )
    return table


def _version(version: int | None) -> str:
    return "-" if version is None else str(version)


def _estimate(period: Period, name: str) -> str:
    found = period.metrics.get(name)
    if found is None:
        return "-"
    return f"{found.value:.4f} ({found.low:.3f}-{found.high:.3f})"
