"""One thing a challenger is judged by, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_assets.loop.gate_spec import GateSpec

LOSS = {"binary": "log loss", "multiclass": "log loss", "regression": "absolute error"}


@dataclass(frozen=True)
class Criterion:
    """One thing a challenger is judged by."""

    name: str
    passed: bool | None
    """None: there are not enough data to judge."""
    numbers: dict[str, float]
    sentence: str


def change(before: float, after: float) -> str:
    """Say how much worse or better a loss became."""
    if after == before:
        return "the same"
    share = f"{percent(abs(after / before - 1))} " if before else ""
    return f"{share}{'worse' if after > before else 'better'}"


def beyond(margin: str, spec: GateSpec, *, passed: bool) -> str:
    """Say whether it was shown to be beyond the margin."""
    shown = "not shown to be" if passed else f"with {percent(spec.confidence)} confidence"
    return f", {shown} beyond the margin of {margin}"


def percent(share: float) -> str:
    """Write a share in percent."""
    return f"{100 * share:.3g} %"
