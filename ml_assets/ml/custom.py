"""A model that a pipeline brings along: a file with two plain functions, `fit` and `predict`.

`fit(...)` returns parameters, anything that JSON holds; `predict(parameters, ...)` returns a number
per row. What they take is called by name, one array per column: numbers as float64 with NaN for
NULL, texts as objects with None. `fit` may take keys, features and `label`; `predict` features.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from ml_assets.errors import DataError
from ml_assets.functions import Function, function_in
from ml_assets.ml.blas import one_thread
from ml_assets.ml.training_table import Floats, labels

if TYPE_CHECKING:
    from collections.abc import Sequence

LABEL = "label"
PARAMETERS = "parameters"
FIT, PREDICT = "fit", "predict"


@dataclass(frozen=True)
class Recipe:
    """The file as it stands; `Custom` is what it makes of rows."""

    file: str
    """The file's name, such as `bg_nbd.py`."""
    text: str

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return Path(self.file).stem

    @property
    def code(self) -> str:
        """Hex digest of both functions and of all in the file that they name."""
        codes = [self.function(name).code for name in (FIT, PREDICT)]
        return hashlib.sha256("".join(codes).encode()).hexdigest()

    def function(self, name: str) -> Function:
        """Return `fit` or `predict`; raises DeclarationError where the file has none."""
        return function_in(Path(self.file), self.text, name)

    def takes(self, name: str) -> tuple[str, ...]:
        """Return the columns that `fit` or `predict` takes, in the order of its arguments."""
        return tuple(
            argument
            for argument, rule in self.function(name).parameters.items()
            if rule.default is rule.empty and argument not in (LABEL, PARAMETERS)
        )

    def fit(self, table: pa.Table) -> Custom:
        """Fit on the rows of `table`; DataError where the function fails or returns no JSON."""
        function, given = self.function(FIT), _columns(table, self.takes(FIT))
        if LABEL in function.parameters:
            given[LABEL] = labels(table)
        with one_thread():
            found = _called(function, given)
        try:
            parameters = json.dumps(found, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{function.reference} returned what JSON cannot hold: {error}.",
                "Return finite numbers, texts, lists and dicts of them.",
            ) from error
        return Custom(self, parameters)


@dataclass(frozen=True)
class Custom:
    """A fitted one, for which its parameters and the text of its file stand."""

    recipe: Recipe
    parameters_json: str
    kind: ClassVar[str] = "custom"
    classes: ClassVar[tuple[str, ...]] = ()

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.recipe.name

    @property
    def description(self) -> str:
        """The parameters that are numbers, in words."""
        shown = ", ".join(f"{name} {value:.4g}" for name, value in self.numbers.items())
        return f"{self.recipe.file}{f': {shown}' if shown else ''}"

    @cached_property
    def parameters(self) -> Any:  # noqa: ANN401 - whatever the file's `fit` returned
        """What `fit` returned."""
        return json.loads(self.parameters_json)

    @property
    def numbers(self) -> dict[str, float]:
        """The named parameters that are single numbers."""
        found = self.parameters if isinstance(self.parameters, dict) else {}
        return {
            name: value
            for name, value in found.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }

    def predict(self, table: pa.Table) -> Floats:
        """Return one float64 per row; DataError where the function fails or returns others."""
        function = self.recipe.function(PREDICT)
        given = _columns(table, self.recipe.takes(PREDICT))
        found = _called(function, {PARAMETERS: self.parameters, **given})
        try:
            answers: Floats = np.asarray(found, np.float64)
        except (TypeError, ValueError) as error:
            raise _no_numbers(function, table, type(found).__name__) from error
        if answers.shape != (table.num_rows,):
            raise _no_numbers(function, table, f"an array of shape {answers.shape}")
        return answers

    def to_json(self) -> str:
        """Return all that `from_fields` needs, with the kind."""
        fields = {"kind": self.kind, "file": self.recipe.file, "text": self.recipe.text}
        return json.dumps({**fields, "parameters": self.parameters_json})

    @staticmethod
    def from_fields(fields: dict[str, Any]) -> Custom:
        """Build from the parsed JSON."""
        return Custom(Recipe(fields["file"], fields["text"]), fields["parameters"])


def _columns(table: pa.Table, names: Sequence[str]) -> dict[str, Any]:
    lacking = [name for name in names if name not in table.column_names]
    if lacking:
        raise DataError(
            f"The table lacks the columns {', '.join(lacking)}.", f"Give {', '.join(names)}."
        )
    return {name: _array(table[name]) for name in names}


def _array(values: pa.ChunkedArray) -> Any:  # noqa: ANN401 - numbers or objects
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)
    if any(kind(values.type) for kind in kinds):
        values = values.cast(pa.float64(), safe=False)
    return values.to_numpy()


def _called(function: Function, given: dict[str, Any]) -> Any:  # noqa: ANN401 - the user's own
    try:
        return function.call(**given)
    except Exception as error:
        raise DataError(
            f"{function.reference} failed: {type(error).__name__}: {error}.",
            "Correct the function that model.baselines declares.",
        ) from error


def _no_numbers(function: Function, table: pa.Table, what: str) -> DataError:
    return DataError(
        f"{function.reference} returned {what} for {table.num_rows:,} rows.",
        "Return one number per row.",
    )
