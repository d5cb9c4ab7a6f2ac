"""The model as MLflow runs it: this script travels with the trees or baseline, codec and code.

It needs no ml_assets where it is loaded. MLflow's own input checks are off (see package.py), so
the codec is what checks the columns.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = Callable[[pa.Table], np.ndarray]


class EncodedModel(PythonModel):
    """LightGBM trees, or a baseline in their place, behind the codec they were trained with."""

    def load_context(self, context: Any) -> None:  # noqa: ANN401 - MLflow's class is not public
        """Read what was trained and its codec, and import their code as it was then."""
        settings, files = context.model_config, context.artifacts
        self.threads = int(settings["threads"])
        texts = {name: Path(path).read_text(encoding="utf-8") for name, path in files.items()}
        self.library = importlib.import_module(f"{settings['library']}.ml.codec")
        self.codec = self.library.Codec.from_json(texts["codec"])
        self.classes: list[str] = json.loads(texts.get("classes", "[]"))
        if "baseline" in texts:
            baselines = importlib.import_module(f"{settings['library']}.ml.baselines")
            self.answer = self._checked(baselines.load(texts["baseline"]).predict)
        else:
            self.answer = self._trees(texts["model"])

    def _checked(self, predict: Answer) -> Answer:
        """Return `predict` behind the codec, which knows what columns there must be."""

        def answer(table: pa.Table) -> np.ndarray:
            self.codec.encode(table)
            return predict(table)

        return answer

    def _trees(self, text: str) -> Answer:
        import lightgbm

        booster = lightgbm.Booster(model_str=text)

        def answer(table: pa.Table) -> np.ndarray:
            encoded = self.codec.encode(table)
            if not encoded.num_rows:
                return np.empty((0, len(self.classes)) if self.classes else 0)
            return np.asarray(booster.predict(encoded, num_threads=self.threads), np.float64)

        return answer

    def predict(  # type: ignore[override] # MLflow allows to leave the context out
        self,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow's signature
    ) -> np.ndarray | pd.DataFrame:
        """Return one float64 per row, of several classes a column of probabilities for each.

        The input is a DataFrame, or rows as a list of dicts.
        """
        answers = self.answer(self._table(pd.DataFrame(model_input)))
        return pd.DataFrame(answers, columns=self.classes) if self.classes else answers

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


set_model(EncodedModel())
