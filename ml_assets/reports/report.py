"""The evaluation report: one HTML file that opens offline and fetches nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ml_assets.ml.results import Curve, Evaluation
from ml_assets.reports import cells, charts, formats, timeline, view
from ml_assets.reports.finding import finding
from ml_assets.reports.scores import best_baseline, charted, in_text, metric
from ml_assets.reports.winners import duels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

    from ml_assets.reports.context import ReportContext, TableAccounting

FOLDER = Path(__file__).parent


def render(evaluation: Evaluation, context: ReportContext) -> str:
    """Return the report as HTML text, below 2 MB; everything from data is escaped."""
    columns = view.columns(evaluation)
    return (
        environment()
        .get_template("report.html")
        .render(
            e=evaluation,
            c=context,
            finding=finding(evaluation),
            rival=best_baseline(evaluation),
            tiles=view.tiles(evaluation),
            columns=columns,
            partition_columns=view.measured(columns, evaluation.by_partition),
            slice_columns=view.measured(_for_slices(evaluation, columns), evaluation.by_slice),
            bin_places=formats.decimals([part.predicted for part in evaluation.calibration]),
            rows=view.rows(evaluation),
            duels=duels(evaluation),
            groups=view.groups(evaluation),
            charted=charted(evaluation),
            over_time=_over_time(evaluation),
            roc=_roc(evaluation),
            precision_recall=_precision_recall(evaluation),
            calibration=charts.calibration(evaluation) if evaluation.calibration else None,
            density=charts.score_density(evaluation),
            class_calibration=_per_class(evaluation),
            kinds=view.candidate_kinds(evaluation),
            shown=view.SHOWN,
            has_partition_baseline=view.compares_baseline(evaluation.by_partition),
            has_slice_baseline=view.compares_baseline(evaluation.by_slice),
            windows=timeline.spans(context.model.windows),
            cells=timeline.cells(context.model.windows),
            tuned_inside=timeline.tuned_inside(context.model.windows),
        )
    )


def environment() -> Environment:
    """Return Jinja with the reports' templates, filters and globals; what is missing fails."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": formats.number,
        "count": formats.count,
        "percent": formats.percent,
        "interval": formats.interval,
        "places_of": formats.places_of,
        "partition": formats.partition,
        "day": formats.day,
        "instant": formats.instant,
        "in_text": in_text,
        "reasons": _reasons,
    }
    made.globals |= {
        "metric": metric,
        "bar": cells.bar,
        "stack": _stack,
    }
    return made


def _for_slices(evaluation: Evaluation, columns: dict[str, int]) -> dict[str, int]:
    """Return the primary and the comparing metric and what the pipeline declares: not all fit."""
    shown = (evaluation.primary, charted(evaluation), *evaluation.declared)
    return {key: columns[key] for key in shown}


def _over_time(evaluation: Evaluation) -> dict[str, Markup]:
    """Charts of the comparing and of the primary metric, where partitions have them."""
    measured = {key for part in evaluation.by_partition for key in part.metrics or {}}
    keys = dict.fromkeys([charted(evaluation), evaluation.primary])
    if len(keys) == 1:
        keys |= dict.fromkeys(key for key in evaluation.candidates[0].metrics if key in measured)
    return {key: charts.over_time(evaluation, key) for key in list(keys)[:2] if key in measured}


def _roc(evaluation: Evaluation) -> Markup | None:
    return _curves(
        evaluation,
        evaluation.roc,
        ("False positive rate", "True positive rate"),
        Curve([0.0, 1.0], [0.0, 1.0]),
    )


def _precision_recall(evaluation: Evaluation) -> Markup | None:
    rate = (evaluation.positives or 0) / max(1, evaluation.rows)
    return _curves(
        evaluation,
        evaluation.precision_recall,
        ("Recall", "Precision"),
        Curve([0.0, 1.0], [rate, rate]),
    )


def _per_class(evaluation: Evaluation) -> dict[str, Markup]:
    """Charts of observed against predicted of each class, where it has bins."""
    return {
        each.name: charts.calibration(replace(evaluation, calibration=each.calibration))
        for each in evaluation.classes
        if each.calibration
    }


def _curves(
    evaluation: Evaluation, drawn: Mapping[str, Curve], axes: tuple[str, str], guide: Curve
) -> Markup | None:
    if not drawn:
        return None
    return charts.curves(drawn, view.candidate_kinds(evaluation), axes, guide)


def _reasons(rows: Mapping[str, int]) -> list[tuple[str, int]]:
    """Reasons that hold for any row, the most frequent first."""
    return sorted(((why, n) for why, n in rows.items() if n), key=lambda pair: -pair[1])


def _stack(table: TableAccounting) -> Markup:
    return cells.stack(
        [
            ("kept", table.kept),
            ("excluded", sum(table.excluded.values())),
            ("duplicate", table.duplicates),
            ("rejected", sum(table.rejected.values())),
            ("lost", abs(table.unaccounted)),
        ]
    )
