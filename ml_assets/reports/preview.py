"""The evaluation in a few lines of Markdown, for the asset's metadata in the Dagster UI."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ml_assets.reports import formats
from ml_assets.reports.charts import HEIGHT, WIDTH, over_time
from ml_assets.reports.finding import finding
from ml_assets.reports.scores import best_baseline, charted, metric, titled, unit_suffix
from ml_assets.reports.svg import tag

if TYPE_CHECKING:
    from ml_assets.ml.results import Candidate, Estimate, Evaluation

MOST_PARTITIONS = 12
LONGEST = 80
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #7b8794; }
.mid { text-anchor: middle; } .end { text-anchor: end; }
.grid { stroke: #7b8794; opacity: .2; } .axis { stroke: #7b8794; }
.whole { fill: none; stroke: #7b8794; stroke-dasharray: 4 4; }
.bar-model, .bar-best { fill: none; stroke: #3b7dd8; stroke-width: 1.6; }
.bar-best { stroke: #c2811f; } .dot-model { fill: #3b7dd8; } .dot-best { fill: #c2811f; }
"""


def preview(evaluation: Evaluation) -> str:
    """Return finding, headline metrics, paired difference and one small chart, below 20 kB."""
    rival = best_baseline(evaluation)
    parts = [f"**{_safe(finding(evaluation).headline, 4 * LONGEST)}**", _table(evaluation, rival)]
    if rival is not None and rival.gain is not None:
        parts.append(
            f"Mean loss of {_safe(rival.name)} minus the model\u2019s, on the same rows: "
            f"{_estimate(rival.gain)}{unit_suffix(evaluation, evaluation.primary)}."
        )
    parts.append(
        f"{formats.count(evaluation.rows)} test rows over {formats.count(evaluation.clusters)} "
        f"days; 95 % intervals from resampling days."
    )
    return "\n\n".join([*parts, *_picture(evaluation)])


def _table(evaluation: Evaluation, rival: Candidate | None) -> str:
    model = evaluation.candidates[0]
    heads = ["", "model"] + ([f"{_safe(rival.name)} (best baseline)"] if rival else [])
    lines = [_line(heads), _line(["---"] * len(heads))]
    for key in sorted(model.metrics, key=lambda key: key != evaluation.primary):
        cells = [_safe(titled(evaluation, key))]
        cells.append(_estimate(model.metrics[key]))
        if rival is not None:
            cells.append(_estimate(rival.metrics[key]) if key in rival.metrics else "")
        lines.append(_line(cells))
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _estimate(estimate: Estimate) -> str:
    places = formats.places_of(estimate)
    return f"{formats.number(estimate.value, places)} ({formats.interval(estimate, places)})"


def _safe(text: str, longest: int = LONGEST) -> str:
    """Text without a meaning in Markdown or HTML, shortened to `longest` characters."""
    short = text if len(text) <= longest else f"{text[: longest - 1]}\u2026"
    return re.sub(r"([\\`*_{}\[\]<>()#|~&!$])", r"\\\1", " ".join(short.split()))


def _picture(evaluation: Evaluation) -> list[str]:
    """Return the charted metric of the latest partitions as an image, if any was measured."""
    key = charted(evaluation)
    latest = evaluation.by_partition[-MOST_PARTITIONS:]
    if not any(key in (part.metrics or {}) for part in latest):
        return []
    image = tag(
        "svg",
        tag("style", STYLE),
        over_time(replace(evaluation, by_partition=latest), key),
        xmlns="http://www.w3.org/2000/svg",
        width=WIDTH,
        height=HEIGHT,
    )
    data = base64.b64encode(image.encode()).decode()
    return [
        f"![{metric(key).name} by partition](data:image/svg+xml;base64,{data})",
        "Blue is the model, amber the best baseline, dashed the model on the whole test window.",
    ]
