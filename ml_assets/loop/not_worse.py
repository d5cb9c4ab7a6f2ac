"""A loss that must not be shown to be worse by more than a margin.

There are three answers. It fails where it is shown to be worse by more than the margin. It passes
where one that is worse by `slice_worse` would have been found in nine of ten looks at as noisy
data. Else there are not enough data, which is said: it neither fails nor passes, because a silence
that proves nothing is no proof, and to stop for it would never promote.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ml_assets.loop.bounds import compare
from ml_assets.loop.criterion import Criterion, beyond, change, percent

if TYPE_CHECKING:
    from ml_assets.loop.bounds import Paired
    from ml_assets.loop.gate_spec import GateSpec
    from ml_assets.loop.paired import Comparison
    from ml_assets.ml.training_table import Floats

_SMALLEST = 1e-12
"""Stands for a loss of zero, of which nothing is a share."""
_POWER = 1.2816
"""Standard errors beyond a bound at which nine of ten looks are beyond it."""


@dataclass(frozen=True)
class Held:
    """A challenger's mean loss, or its root, held against the champion's."""

    before: float
    after: float
    margin: float
    paired: Paired
    """The champion's loss times 1 + margin minus the challenger's."""
    findable: float
    """How much worse, as a share of the champion's, is found in nine of ten looks."""

    @property
    def worse(self) -> bool:
        """Whether the challenger is shown to be worse by more than the margin."""
        return self.paired.upper < 0

    @property
    def numbers(self) -> dict[str, float]:
        """What the ledger keeps."""
        return {
            "champion": self.before,
            "challenger": self.after,
            "margin": self.margin,
            "rows": self.paired.rows,
            "days": self.paired.clusters,
        }

    def words(self, what: str, spec: GateSpec) -> str:
        """Say it, without the full stop."""
        shown = ""
        if self.after > self.before:
            shown = beyond(percent(self.margin), spec, passed=not self.worse)
        return (
            f"{what} {self.after:.4g}, the champion's {self.before:.4g}, on {self.paired.rows:,} "
            f"rows in {self.paired.clusters} days: {change(self.before, self.after)}{shown}"
        )


def held(
    losses: tuple[Floats, Floats],
    part: Comparison,
    margin: float,
    spec: GateSpec,
    *,
    root: bool = False,
) -> Held:
    """Hold the challenger's loss per row against the champion's, the first of `losses`."""
    champion, challenger = losses
    factor = (1 + margin) ** 2 if root else 1 + margin
    paired = compare(factor * champion, challenger, part.clusters, spec.confidence)
    before, after = (math.sqrt(x.mean()) if root else float(x.mean()) for x in losses)
    allowed = factor + beyond_chance(paired) / max(float(champion.mean()), _SMALLEST)
    findable = (math.sqrt(allowed) if root else allowed) - 1
    return Held(before, after, margin, paired, findable)


def beyond_chance(paired: Paired) -> float:
    """Return how far beyond a margin the truth must be to be found in nine of ten looks."""
    return paired.upper - paired.difference + _POWER * paired.error


def not_worse(name: str, what: str, found: Held, spec: GateSpec) -> Criterion:
    """Fail where the challenger is shown to be worse by more than the margin."""
    shown = Criterion(name, not found.worse, found.numbers, f"{found.words(what, spec)}.")
    return unless_too_noisy(shown, found.findable, f"{percent(found.findable)} worse", spec)


def unless_too_noisy(shown: Criterion, findable: float, in_words: str, spec: GateSpec) -> Criterion:
    """Return what is shown, or that there are not enough data where its silence proves nothing.

    `findable` is how much worse is found in nine of ten looks, also `in_words`.
    """
    if not shown.passed or findable <= spec.slice_worse:
        return shown
    lack = f"not enough data: only {in_words} would be found in nine of ten looks."
    return replace(shown, passed=None, sentence=f"{shown.sentence.removesuffix('.')}; {lack}")
