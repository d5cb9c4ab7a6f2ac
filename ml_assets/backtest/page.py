"""The comparison as one HTML file that opens offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.backtest.charts import regret_charts
from ml_assets.backtest.finding import finding
from ml_assets.backtest.run import folder_of
from ml_assets.backtest.table import PLACES, second, share, unranked
from ml_assets.reports import cells, formats
from ml_assets.reports.report import environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from markupsafe import Markup

    from ml_assets.backtest.compare import Comparison
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings


def render(found: Comparison) -> str:
    """Return the report as HTML text; everything from data is escaped."""
    return (
        environment()
        .get_template("backtest.html")
        .render(
            c=found,
            finding=finding(found),
            every=found.results[1].course.policy.name,
            beside=second(found),
            places=PLACES,
            share=share,
            unranked=unranked(found),
            pictures=_pictures(found),
            charts=regret_charts(found),
            rows_trained=lambda course: sum(model.rows for model in course.trained),
            first=formats.partition(found.keys[0]),
            last=formats.partition(found.keys[-1]),
        )
    )


def write_page(pipeline: Pipeline, settings: Settings, found: Comparison) -> Path:
    """Write the report beside what the backtest keeps; return its path."""
    path = folder_of(pipeline, settings) / "report.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(found), encoding="utf-8")
    return path


def _pictures(found: Comparison) -> Mapping[str, Markup]:
    """Return per policy its gain as an interval, on one scale, over the line of no gain."""
    gains = [result.gain for result in found.results]
    scale = cells.interval_scale(gains, 0.0)
    return {
        result.course.policy.name: cells.interval(scale, result.gain, reference=0.0)
        for result in found.results
    }
