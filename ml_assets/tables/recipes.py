"""The baselines a pipeline brings along, each a file beside its defs.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.errors import DeclarationError
from ml_assets.ml.candidates import BUILT_IN
from ml_assets.ml.custom import CLASSES, FIT, PREDICT, Recipe
from ml_assets.ml.training_table import MULTICLASS
from ml_assets.tables.spine import feature_names, spine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.tables.pipeline import Pipeline

TAKEN = ("lightgbm", "constant", *BUILT_IN)


def recipes(pipeline: Pipeline) -> list[Recipe]:
    """Return the files among `model.baselines`; raises DeclarationError for one that is wrong."""
    spec = pipeline.declaration.model
    if len(set(spec.baselines)) < len(spec.baselines):
        raise DeclarationError(
            f"model.baselines names one twice: {', '.join(spec.baselines)}.", "Keep one of them."
        )
    if "rate" in spec.baselines and not spec.rate_baseline:
        raise DeclarationError(
            "model.baselines names 'rate', but rate_baseline has no columns.",
            "Declare the columns whose groups have a rate of their own.",
        )
    own = [name for name in spec.baselines if name not in BUILT_IN]
    return [_recipe(pipeline, name) for name in own]


def _recipe(pipeline: Pipeline, file: str) -> Recipe:
    path = pipeline.folder / file
    if path.suffix != ".py" or path.name != file or not path.is_file():
        raise DeclarationError(
            f"model.baselines names {file!r}, which is no baseline.",
            f"Write {', '.join(BUILT_IN)} or a file in {pipeline.folder} with {FIT} and {PREDICT}.",
        )
    recipe = Recipe(file, path.read_text(encoding="utf-8"))
    if recipe.name in TAKEN:
        raise DeclarationError(
            f"model.baselines names {file!r}, and {recipe.name} is another candidate.",
            f"Name the file otherwise; taken are {', '.join(TAKEN)}.",
        )
    features = feature_names(pipeline)
    _check(recipe, FIT, [*spine(pipeline)[1].key, *features])
    _check(recipe, PREDICT, features)
    if pipeline.declaration.model.problem != MULTICLASS:
        _check_no_classes(recipe)
    return recipe


def _check(recipe: Recipe, name: str, known: Sequence[str]) -> None:
    for column in recipe.takes(name):
        if column not in known:
            raise DeclarationError(
                f"model.baselines: {name} of {recipe.file} takes {column!r}, which it cannot have.",
                f"It may take {', '.join(dict.fromkeys(known))}; others need a default.",
            )
    if name == PREDICT and not recipe.takes(name):
        raise DeclarationError(
            f"model.baselines: {name} of {recipe.file} takes no feature.",
            "Let it take the columns from which it answers, after `parameters`.",
        )


def _check_no_classes(recipe: Recipe) -> None:
    for name in (FIT, PREDICT):
        if recipe.takes_classes(name):
            raise DeclarationError(
                f"model.baselines: {name} of {recipe.file} takes {CLASSES!r}, which only several"
                " classes have.",
                f"Leave it out, or declare problem: {MULTICLASS}; a column of that name needs"
                " another one.",
            )
