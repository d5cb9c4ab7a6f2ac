"""Small plots as text, for places that show nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats

BLOCKS = "▁▂▃▄▅▆▇█"


def bars(values: Floats, top: float | None = None) -> str:
    """Return one block per value, the highest block for `top` and above, else for the largest."""
    if not len(values):
        return ""
    highest = top if top is not None else float(values.max())
    if highest <= 0:
        return BLOCKS[0] * len(values)
    steps = (values / highest * (len(BLOCKS) - 1)).round().clip(0, len(BLOCKS) - 1).astype(int)
    return "".join(BLOCKS[step] for step in steps)
