"""The entities to predict, which are the rows of one feature table, and the model's features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.errors import DeclarationError
from ml_assets.sql.tables import FeatureTable

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Node, Pipeline


def spine(pipeline: Pipeline) -> tuple[Node, FeatureTable]:
    """Return the feature table whose rows are the entities to predict: the first with a time."""
    for node in pipeline.features:
        if isinstance(node.declared, FeatureTable) and node.declared.prediction_time:
            return node, node.declared
    raise DeclarationError(
        f"{pipeline.name} has no feature table with a prediction_time.",
        "Declare one whose rows are what the model predicts.",
    )


def feature_names(pipeline: Pipeline) -> list[str]:
    """Return the model's feature columns, in declared order."""
    spec = pipeline.declaration.model
    found: dict[str, str] = {}
    for node in pipeline.features:
        for name in own_features(node):
            if name in found:
                raise DeclarationError(
                    f"The feature {name!r} is in {found[name]} and in {node.dotted}.",
                    "Give one of them another name.",
                )
            found[name] = node.dotted
    refuse_unknown(found, (*(spec.features or ()), *spec.exclude))
    refuse_unknown(dict.fromkeys(spine(pipeline)[1].key, ""), spec.key_features)
    refuse_unknown({**found, **dict.fromkeys(spec.key_features, "")}, spec.rate_baseline)
    chosen = spec.features if spec.features is not None else tuple(found)
    return [*spec.key_features, *(name for name in chosen if name not in spec.exclude)]


def own_features(node: Node) -> list[str]:
    """Return the columns of a feature table but for its key and its times."""
    table = node.declared
    if not isinstance(table, FeatureTable):
        raise TypeError(f"{node.dotted} is no feature table")
    own = {*table.key, table.time, table.prediction_time}
    return [name for name in table.columns if name not in own]


def refuse_unknown(found: dict[str, str], named: tuple[str, ...]) -> None:
    """Raise DeclarationError for what is `named` and not `found`."""
    unknown = [name for name in named if name not in found]
    if unknown:
        raise DeclarationError(
            f"model names {', '.join(unknown)}, which is none of the columns it may name.",
            f"These are {', '.join(found)}.",
        )
