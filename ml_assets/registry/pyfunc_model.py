"""The model as MLflow runs it: this script travels with the trees, the codec and its code.

It needs no ml_assets where it is loaded. MLflow's own input checks are off (see package.py), so
the codec is what checks the columns.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class EncodedLightGBM(PythonModel):
    """LightGBM trees behind the codec they were trained with."""

    def load_context(self, context: Any) -> None:  # noqa: ANN401 - MLflow's class is not public
        """Read the trees and the codec, and import the codec's code as it was when trained."""
        import lightgbm

        settings, files = context.model_config, context.artifacts
        self.threads = int(settings["threads"])
        self.library = importlib.import_module(f"{settings['library']}.ml.codec")
        self.codec = self.library.Codec.from_json(Path(files["codec"]).read_text(encoding="utf-8"))
        trees = Path(files["model"]).read_text(encoding="utf-8")
        self.booster = lightgbm.Booster(model_str=trees)

    def predict(  # type: ignore[override] # MLflow allows to leave the context out
        self,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow's signature
    ) -> np.ndarray:
        """Return one float64 per row; the input is a DataFrame, or rows as a list of dicts."""
        encoded = self.codec.encode(self._table(pd.DataFrame(model_input)))
        if not encoded.num_rows:
            return np.empty(0)
        return np.asarray(self.booster.predict(encoded, num_threads=self.threads), np.float64)

    def _table(self, frame: pd.DataFrame) -> pa.Table:
        places = [i for i, name in enumerate(frame.columns) if name in self.codec.names]
        columns = [self._column(frame.iloc[:, i]) for i in places]
        return pa.Table.from_arrays(columns, names=[str(frame.columns[i]) for i in places])

    def _column(self, values: pd.Series[Any]) -> Any:  # noqa: ANN401 - pyarrow is untyped
        try:
            column = pa.array(values, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise self.library.DataError(
                f"Feature {values.name} mixes types: {error}.",
                "Give numbers as numbers and categories as text.",
            ) from error
        # A column of NaN only is float64 in pandas, also where text belongs.
        return pa.nulls(len(column)) if column.null_count == len(column) else column


set_model(EncodedLightGBM())
