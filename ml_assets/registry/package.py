"""A trained model as an MLflow model: code, trees and codec as text, never a pickle."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ml_assets.ml.baselines import load
from ml_assets.ml.boost import TrainedModel
from ml_assets.ml.codec import Codec
from ml_assets.registry.portable import copy_library
from ml_assets.registry.store import connected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.models import ModelSignature

    from ml_assets.ml.baselines import Baseline
    from ml_assets.registry.tracking import RunHandle

_SCRIPT = Path(__file__).with_name("pyfunc_model.py")
_REQUIREMENTS = ("lightgbm", "mlflow", "numpy", "pandas", "pyarrow", "scipy")
_TREES = "model.txt"
_CODEC = "codec.json"
_BASELINES = "baselines"


def log_model(handle: RunHandle, model: TrainedModel, *, threads: int) -> str:
    """Log `model` as the output of a run and return its URI, `models:/m-...`."""
    from mlflow.entities import LoggedModelOutput

    with connected(handle.tracking_uri) as client:
        logged = client.create_logged_model(
            handle.experiment_id,
            name="model",
            source_run_id=handle.run_id,
            params={"rounds": str(model.rounds), "model_hash": model.model_hash},
        )
        try:
            with TemporaryDirectory() as folder:
                saved = _save(Path(folder), logged, handle.run_id, model, threads)
                client.log_model_artifacts(logged.model_id, str(saved))
        except BaseException:
            client.finalize_logged_model(logged.model_id, "FAILED")
            raise
        client.finalize_logged_model(logged.model_id, "READY")
        client.log_outputs(handle.run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return f"models:/{logged.model_id}"


def load_native(tracking_uri: str, model_uri: str) -> TrainedModel:
    """Read a model (`models:/m-...`, `models:/<name>/<version>` or `@<alias>`) back as trained."""
    with connected(tracking_uri) as client, TemporaryDirectory() as folder:
        from mlflow.artifacts import download_artifacts

        source = _source(client, model_uri)
        root = download_artifacts(source, dst_path=folder, tracking_uri=tracking_uri)
        files = Path(root) / "artifacts"
        trees = (files / _TREES).read_text(encoding="utf-8")
        codec = (files / _CODEC).read_text(encoding="utf-8")
    return TrainedModel(trees, Codec.from_json(codec))


def _source(client: MlflowClient, model_uri: str) -> str:
    """Return where a registered version's files are: MLflow would ask its global registry."""
    name, mark, which = re.fullmatch(r"models:/([^/@]+)([/@]?)(.*)", model_uri).groups()  # type: ignore[union-attr]
    if mark == "@":
        return str(client.get_model_version_by_alias(name, which).source)
    return str(client.get_model_version(name, which).source) if mark else model_uri


def log_baselines(handle: RunHandle, baselines: Sequence[Baseline]) -> None:
    """Write the baselines beside their model, each as JSON."""
    with connected(handle.tracking_uri) as client:
        for baseline in baselines:
            client.log_text(handle.run_id, baseline.to_json(), f"{_BASELINES}/{baseline.name}.json")


def load_baselines(tracking_uri: str, run_id: str) -> list[Baseline]:
    """Read the baselines that were fitted beside the model of a run, by name."""
    with connected(tracking_uri) as client, TemporaryDirectory() as folder:
        root = Path(client.download_artifacts(run_id, _BASELINES, folder))
        return [load(path.read_text(encoding="utf-8")) for path in sorted(root.glob("*.json"))]


def signature(codec: Codec) -> ModelSignature:
    """Return the signature: numbers double, categories string, all optional, checked by the model.

    MLflow's own check would refuse int64 and booleans for a double, so the signature carries the
    mark MLflow gives to models that check their input themselves.
    """
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    kinds = {"number": "double", "category": "string"}
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(kinds[f.kind], f.name, required=False) for f in codec.features
    ]
    plain = ModelSignature(Schema(inputs), Schema([ColSpec("double")]))
    marked = {"signature": plain.to_dict(), "is_signature_from_type_hint": True}
    checked: ModelSignature = Model.from_dict(marked).signature
    return checked


def _save(
    folder: Path, logged: LoggedModel, run_id: str, model: TrainedModel, threads: int
) -> Path:
    from mlflow.models import Model
    from mlflow.pyfunc import save_model

    (folder / _TREES).write_text(model.booster_text, encoding="utf-8")
    (folder / _CODEC).write_text(model.codec.to_json(), encoding="utf-8")
    library = copy_library("ml.codec", folder)
    save_model(
        path=folder / "saved",
        mlflow_model=Model(
            artifact_path=logged.artifact_location,
            run_id=run_id,
            model_uuid=logged.model_id,
            model_id=logged.model_id,
            signature=signature(model.codec),
        ),
        python_model=str(_SCRIPT),
        artifacts={"model": str(folder / _TREES), "codec": str(folder / _CODEC)},
        code_paths=[str(library)],
        model_config={"library": library.name, "threads": threads},
        # Inferring them would load the model in another process, for seconds.
        pip_requirements=[f"{name}=={version(name)}" for name in _REQUIREMENTS],
    )
    return folder / "saved"
