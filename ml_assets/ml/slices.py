"""The values that cut rows into slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ml_assets.errors import DeclarationError
from ml_assets.ml.evaluate import MISSING

if TYPE_CHECKING:
    import numpy.typing as npt


def slice_values(rows: pa.Table, dimension: str) -> npt.NDArray[np.str_]:
    """Return the value of a column per row as text; DeclarationError where there is none."""
    if dimension not in rows.column_names:
        raise DeclarationError(
            f"evaluation.slices names {dimension}, which neither version knows.",
            f"Name feature or key columns: {', '.join(rows.column_names)}.",
        )
    return np.array(rows[dimension].cast(pa.string()).fill_null(MISSING).to_pylist(), np.str_)
