"""Slices: where a better mean may hide that somebody fares worse.

The bounds are not widened for the number of slices, or each slice declared would weaken the watch
over the others.

Measured on rows of a day as alike as flights: a slice of 30 days that noise makes 10 % worse is
stopped in .57 of looks at 550 rows, .88 at 1,000 and .99 at 3,000, and passes in at most .05 of
them; one that bias makes 10 % worse, which bad days blur, is stopped in .43, .58 and .61, after 90
days in .92, and passes in at most .02. An equal slice is stopped in .01, and passes in .34 of looks
at 550 rows, .91 at 1,000 and all at 3,000; the rest are said to have not enough data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml_assets.loop.criterion import LOSS, Criterion
from ml_assets.loop.not_worse import held, not_worse

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from ml_assets.loop.gate_spec import GateSpec
    from ml_assets.loop.paired import Comparison

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
        found = held(part.losses, part, spec.slice_margin, spec)
        yield not_worse(f"{dimension}={value}", what, found, spec)
    if small:
        names = ", ".join(small[:_NAMED]) + (", ..." if len(small) > _NAMED else "")
        sentence = f"{dimension}: not enough data to judge {len(small)} values ({names})."
        numbers: dict[str, float] = {"values": len(small), "rows": rows}
        yield Criterion(f"{dimension}=(not judged)", None, numbers, sentence)
