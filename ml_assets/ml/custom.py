"""A model that a pipeline brings along: a file with two plain functions, `fit` and `predict`.

`fit(...)` returns parameters, anything that JSON holds; `predict(parameters, ...)` returns a number
per row, of several classes a probability per row and class. What they take is called by name, one
array per column: numbers as float64 with NaN for NULL, texts as objects with None. `fit` may take
keys, features and `label`; `predict` features; both, of several classes, `classes`: their names in
the order of the columns.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from ml_assets.errors import DataError
from ml_assets.functions import Function, function_in
from ml_assets.ml.blas import one_thread
from ml_assets.ml.checked_answers import checked
from ml_assets.ml.classes import classes_of
from ml_assets.ml.training_table import LABEL as OUTCOME
from ml_assets.ml.training_table import Floats, column, labels

if TYPE_CHECKING:
    from collections.abc import Sequence

LABEL, PARAMETERS, CLASSES = GIVEN = ("label", "parameters", "classes")
"""Arguments that are no columns."""
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
            if rule.default is rule.empty and argument not in GIVEN
        )

    def takes_classes(self, name: str) -> bool:
        """Return whether `fit` or `predict` takes the names of the classes."""
        rule = self.function(name).parameters.get(CLASSES)
        return rule is not None and rule.default is rule.empty

    def fit(self, table: pa.Table) -> Custom:
        """Fit on the rows of `table`; DataError where the function fails or returns no JSON."""
        function, classes = self.function(FIT), classes_of(table)
        given = self._given(FIT, table, classes)
        if LABEL in function.parameters:
            given[LABEL] = _array(column(table, OUTCOME)) if classes else labels(table)
        with one_thread():
            found = _called(function, given)
        try:
            parameters = json.dumps(found, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{function.reference} returned what JSON cannot hold: {error}.",
                "Return finite numbers, texts, lists and dicts of them.",
            ) from error
        return Custom(self, parameters, classes)

    def predict(self, parameters: object, table: pa.Table, classes: tuple[str, ...]) -> Floats:
        """Return the answers on `table`; DataError where the function fails or returns others."""
        function = self.function(PREDICT)
        given = {PARAMETERS: parameters, **self._given(PREDICT, table, classes)}
        found = _called(function, given)
        return checked(function.reference, found, table.num_rows, classes)

    def _given(self, name: str, table: pa.Table, classes: tuple[str, ...]) -> dict[str, Any]:
        names = {CLASSES: classes} if self.takes_classes(name) else {}
        return _columns(table, self.takes(name)) | names


@dataclass(frozen=True)
class Custom:
    """A fitted one, for which its parameters and the text of its file stand."""

    recipe: Recipe
    parameters_json: str
    classes: tuple[str, ...] = ()
    """Those of the training rows, sorted; none for yes or no and for a number."""
    kind: ClassVar[str] = "custom"

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
        """Return one float64 per row, or a probability per row and class."""
        return self.recipe.predict(self.parameters, table, self.classes)

    def to_json(self) -> str:
        """Return all that `from_fields` needs, with the kind."""
        fields = {"kind": self.kind, "file": self.recipe.file, "text": self.recipe.text}
        several = {"classes": self.classes} if self.classes else {}
        return json.dumps({**fields, "parameters": self.parameters_json, **several})

    @staticmethod
    def from_fields(fields: dict[str, Any]) -> Custom:
        """Build from the parsed JSON."""
        recipe, classes = Recipe(fields["file"], fields["text"]), fields.get("classes", ())
        return Custom(recipe, fields["parameters"], tuple(classes))


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
