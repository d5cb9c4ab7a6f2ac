"""A loss that must not be shown to be worse by more than a margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.loop.bounds import compare
from ml_assets.loop.criterion import Criterion, beyond, change, percent

if TYPE_CHECKING:
    from ml_assets.loop.bounds import Paired
    from ml_assets.loop.gate_spec import GateSpec
    from ml_assets.loop.paired import Comparison
    from ml_assets.ml.training_table import Floats


@dataclass(frozen=True)
class Held:
    """A challenger's mean loss, or its root, held against the champion's."""

    before: float
    after: float
    margin: float
    paired: Paired
    """The champion's loss times 1 + margin minus the challenger's."""

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
    return Held(before, after, margin, paired)


def not_worse(name: str, what: str, found: Held, spec: GateSpec) -> Criterion:
    """Fail where the challenger is shown to be worse by more than the margin."""
    return Criterion(name, not found.worse, found.numbers, f"{found.words(what, spec)}.")
