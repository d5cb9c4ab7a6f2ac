"""The promotion gate: what a challenger shows against the champion, and whether that is enough.

Overall the challenger must be shown to be better. Everywhere else, in slices and in other metrics,
it fails where it is shown to be worse by more than a margin. To demand proof of the contrary in
every slice would never promote: in a slice of a thousand rows the error is as large as the margin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.loop.criterion import Criterion
from ml_assets.loop.measured import measured
from ml_assets.loop.paired import FEWEST_CLUSTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_assets.loop.gate_spec import GateSpec
    from ml_assets.loop.paired import Comparison


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What was seen of the packed challenger when it was loaded and called."""

    golden_identical: bool
    """Whether a fresh process predicted the golden rows identically."""
    signature_known: bool
    """Whether every input is one of today's features, of the same kind."""
    champion_latency: float
    challenger_latency: float
    """Microseconds a row, for the same rows on the same machine."""
    megabytes: float
    """Packed size."""


@dataclass(frozen=True)
class Verdict:
    """Whether the challenger may become champion; passed only with `enough` and no failure."""

    passed: bool
    enough: bool
    """Whether the window is large enough for any promotion."""
    reasons: list[Criterion]


def judge(window: Comparison, operation: Operation, spec: GateSpec) -> Verdict:
    """Return the verdict on a challenger, criterion by criterion, the overall one first."""
    lacking = window.lacking(1, FEWEST_CLUSTERS)
    if lacking:
        shown = [Criterion("overall", None, {}, f"Not enough data: {lacking}.")]
    else:
        shown = measured(window, spec)
    reasons = [*shown, *_operational(operation, spec)]
    passed = not lacking and all(reason.passed is not False for reason in reasons)
    return Verdict(passed, not lacking, reasons)


def _operational(seen: Operation, spec: GateSpec) -> Iterator[Criterion]:
    same = "identically" if seen.golden_identical else "differently: it is not the measured model"
    sentence = f"A fresh process predicted the golden rows {same}."
    yield Criterion("golden rows", seen.golden_identical, {}, sentence)
    inputs = "among" if seen.signature_known else "not all among"
    yield Criterion(
        "signature", seen.signature_known, {}, f"Its inputs are {inputs} today's features."
    )
    yield _latency(seen, spec)
    yield Criterion(
        "size",
        seen.megabytes <= spec.size_limit_mb,
        {"megabytes": seen.megabytes},
        f"Packed {seen.megabytes:.3g} MB, at most {spec.size_limit_mb:g} MB are allowed.",
    )


def _latency(seen: Operation, spec: GateSpec) -> Criterion:
    allowed = max(spec.latency_limit_us, spec.latency_factor * seen.champion_latency)
    return Criterion(
        "latency",
        seen.challenger_latency <= allowed,
        {"champion": seen.champion_latency, "challenger": seen.challenger_latency},
        f"{seen.challenger_latency:.3g} microseconds a row, the champion's "
        f"{seen.champion_latency:.3g}; at most {allowed:.3g} are allowed.",
    )
