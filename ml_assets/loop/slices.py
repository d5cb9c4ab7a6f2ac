"""Slices: where a better mean may hide that somebody fares worse.

A slice has three answers. It fails where it is shown to be worse by more than the margin. It passes
where a slice that is worse by `slice_worse` would have been found in nine of ten looks at as noisy
data. Else it has not enough data and says so: it neither fails nor passes, because a silence that
proves nothing is no proof, and to stop for it would never promote. The bounds are not widened for
the number of slices, or each slice declared would weaken the watch over the others.

Measured on rows of a day as alike as flights: a slice of 30 days that noise makes 10 % worse is
stopped in .57 of looks at 550 rows, .88 at 1,000 and .99 at 3,000, and passes in at most .05 of
them; one that bias makes 10 % worse, which bad days blur, is stopped in .43, .58 and .61, after 90
days in .92, and passes in at most .02. An equal slice is stopped in .01, and passes in .34 of looks
at 550 rows, .91 at 1,000 and all at 3,000; the rest are said to have not enough data.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.loop.criterion import LOSS, Criterion, percent
from ml_assets.loop.not_worse import held, not_worse

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from ml_assets.loop.gate_spec import GateSpec
    from ml_assets.loop.not_worse import Held
    from ml_assets.loop.paired import Comparison

_POWER = 1.2816
"""Standard errors beyond a bound at which nine of ten looks are beyond it."""
_NAMED = 8
"""Values without support that a sentence names."""


def slices(
    window: Comparison, dimension: str, values: npt.NDArray[np.str_], spec: GateSpec
) -> Iterator[Criterion]:
    """Judge every value that has support; say of the others that they were not judged."""
    small, rows = [], 0
    for value in np.unique(values):
        part = window.only(values == value)
        if part.lacking(spec.minimum_support, spec.minimum_clusters):
            small.append(str(value))
            rows += len(part.label)
            continue
        what = f"{dimension} {value}: mean {LOSS[window.problem]}"
        yield _judged(f"{dimension}={value}", what, part, spec)
    if small:
        names = ", ".join(small[:_NAMED]) + (", ..." if len(small) > _NAMED else "")
        sentence = f"{dimension}: not enough data to judge {len(small)} values ({names})."
        numbers: dict[str, float] = {"values": len(small), "rows": rows}
        yield Criterion(f"{dimension}=(not judged)", None, numbers, sentence)


def _judged(name: str, what: str, part: Comparison, spec: GateSpec) -> Criterion:
    found = held(part.losses, part, spec.slice_margin, spec)
    findable = _findable(found)
    if found.worse or findable <= spec.slice_worse:
        return not_worse(name, what, found, spec)
    sentence = (
        f"{found.words(what, spec)}; not enough data: only {percent(findable)} worse would "
        "be found in nine of ten looks."
    )
    return Criterion(name, None, found.numbers, sentence)


def _findable(found: Held) -> float:
    """Return the share of the champion's loss by which worse is found in nine of ten looks."""
    if found.before <= 0:
        return math.inf
    wide = found.paired.upper - found.paired.difference + _POWER * found.paired.error
    return found.margin + wide / found.before
