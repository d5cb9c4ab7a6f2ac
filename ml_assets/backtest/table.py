"""The comparison as Markdown, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.ml.metrics import RANKING
from ml_assets.reports import formats
from ml_assets.reports.scores import in_text, metric

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ml_assets.backtest.compare import Comparison, Result

PLACES = 4
UNITS = 10_000
"""Regret is shown in ten-thousandths: whole numbers that fit side by side."""


def markdown(found: Comparison) -> str:
    """Return a table of the policies, and one of their regret by partition."""
    loss = metric(found.primary).name
    beside = second(found)
    every = found.results[1].course.policy.name
    heads = [
        *("", "retrained", "live", "rows trained", f"{loss} (95 %)"),
        metric(beside).name,
        f"gain of {every} (95 %)",
    ]
    others = [result for result in found.results if result is not found.results[1]]
    names = [result.course.policy.name for result in others]
    regret = [
        [key, *(formats.number(UNITS * result.regret[index].value, 0) for result in others)]
        for index, key in enumerate(found.keys)
    ]
    return "\n".join(
        [
            *_table(heads, [_policy(result, beside) for result in found.results]),
            "",
            *unranked(found),
            f"Means over partitions. Regret is {in_text(found.primary)} minus that of {every}, in"
            f" 1/{UNITS}:",
            "",
            *_table(["", *names], regret),
        ]
    )


def second(found: Comparison) -> str:
    """Return the metric beside the primary one: what ranks, where there is such a metric."""
    others = [name for name in found.results[0].metrics if name != found.primary]
    ranking = RANKING.get(found.problem)
    return ranking if ranking in others else others[0]


def unranked(found: Comparison) -> list[str]:
    """Return a sentence on partitions of one class, which their means leave out; none without."""
    if not found.unranked:
        return []
    name = metric(RANKING[found.problem]).name
    keys = ", ".join(formats.partition(key) for key in found.unranked)
    return [f"{name} is undefined where all labels are of one class, and left out: {keys}."]


def share(result: Result) -> str:
    """Return the share of the gain with its interval, a dash where there is no gain to share."""
    if result.share is None:
        return "-"
    value, low, high = (
        formats.number(100 * one, 0)
        for one in (result.share.value, result.share.low, result.share.high)
    )
    # The ends of the scale have no interval.
    return f"{value} %" if result.share.low == result.share.high else f"{value} % ({low} to {high})"


def _policy(result: Result, beside: str) -> list[str]:
    course, loss = result.course, result.loss
    return [
        f"**{course.policy.name}**",
        f"{course.retrains}",
        f"{course.promotions}",
        formats.count(sum(model.rows for model in course.trained)),
        f"{formats.number(loss.value, PLACES)} ({formats.interval(loss, PLACES)})",
        formats.number(result.metrics[beside], PLACES),
        share(result),
    ]


def _table(heads: list[str], rows: Iterable[list[str]]) -> list[str]:
    right = "|".join(["---", *["---:"] * (len(heads) - 1)])
    return [_line(heads), f"|{right}|", *map(_line, rows)]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
