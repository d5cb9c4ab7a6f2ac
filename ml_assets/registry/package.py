"""A trained model as an MLflow model: code, trees and codec as text, never a pickle."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ml_assets.ml.baselines import load
from ml_assets.ml.boost import CODEC, TREES, TrainedModel
from ml_assets.ml.classes import CLASSES
from ml_assets.ml.model import PARAMETERS, read_model
from ml_assets.registry.portable import copy_library
from ml_assets.registry.store import connected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.models import ModelSignature

    from ml_assets.ml.baselines import Baseline, Predictor
    from ml_assets.ml.codec import Codec
    from ml_assets.ml.model import Model
    from ml_assets.registry.tracking import RunHandle

_SCRIPT = Path(__file__).with_name("pyfunc_model.py")
_REQUIREMENTS = ("lightgbm", "mlflow", "numpy", "pandas", "pyarrow", "scipy")
_ARTIFACTS = {TREES: "model", PARAMETERS: "baseline", CODEC: "codec", CLASSES: "classes"}
"""The files of a model, and what the script that serves it calls them."""
_BASELINES = "baselines"
_RIVAL = "lightgbm"
"""The folder of a model that stands beside a baseline in its place."""


def log_model(handle: RunHandle, model: Model, *, threads: int) -> str:
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


def load_native(tracking_uri: str, model_uri: str) -> Model:
    """Read a model (`models:/m-...`, `models:/<name>/<version>` or `@<alias>`) back as trained."""
    with connected(tracking_uri) as client, TemporaryDirectory() as folder:
        from mlflow.artifacts import download_artifacts

        source = _source(client, model_uri)
        root = download_artifacts(source, dst_path=folder, tracking_uri=tracking_uri)
        return read_model(_texts(Path(root) / "artifacts"))


def _texts(folder: Path) -> dict[str, str]:
    """Return the files of a model that are in `folder`."""
    paths = (folder / name for name in _ARTIFACTS)
    return {path.name: path.read_text(encoding="utf-8") for path in paths if path.is_file()}


def _source(client: MlflowClient, model_uri: str) -> str:
    """Return where a registered version's files are: MLflow would ask its global registry."""
    name, mark, which = re.fullmatch(r"models:/([^/@]+)([/@]?)(.*)", model_uri).groups()  # type: ignore[union-attr]
    if mark == "@":
        return str(client.get_model_version_by_alias(name, which).source)
    return str(client.get_model_version(name, which).source) if mark else model_uri


def log_baselines(handle: RunHandle, rivals: Sequence[Baseline | TrainedModel]) -> None:
    """Write the rivals beside their model: a baseline as JSON, LightGBM as its files."""
    with connected(handle.tracking_uri) as client:
        for rival in rivals:
            for name, text in _kept(rival).items():
                client.log_text(handle.run_id, text, f"{_BASELINES}/{name}")


def _kept(rival: Baseline | TrainedModel) -> dict[str, str]:
    if isinstance(rival, TrainedModel):
        return {f"{_RIVAL}/{name}": text for name, text in rival.files.items()}
    return {f"{rival.name}.json": rival.to_json()}


def load_baselines(tracking_uri: str, run_id: str) -> list[Predictor]:
    """Read what was fitted beside the model of a run, baselines by name."""
    with connected(tracking_uri) as client, TemporaryDirectory() as folder:
        root = Path(client.download_artifacts(run_id, _BASELINES, folder))
        texts = [path.read_text(encoding="utf-8") for path in sorted(root.glob("*.json"))]
        rival = _texts(root / _RIVAL)
        return [*map(load, texts), *([read_model(rival)] if rival else [])]


def signature(codec: Codec, classes: Sequence[str] = ()) -> ModelSignature:
    """Return the signature: numbers double, categories string, all optional, checked by the model.

    The answer is one double, with classes one column per class, which bears its name.

    MLflow's own check would refuse int64 and booleans for a double, so the signature carries the
    mark MLflow gives to models that check their input themselves.
    """
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    kinds = {"number": "double", "category": "string"}
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(kinds[f.kind], f.name, required=False) for f in codec.features
    ]
    outputs: list[ColSpec | TensorSpec] = [ColSpec("double", name) for name in classes]
    plain = ModelSignature(Schema(inputs), Schema(outputs or [ColSpec("double")]))
    marked = {"signature": plain.to_dict(), "is_signature_from_type_hint": True}
    checked: ModelSignature = Model.from_dict(marked).signature
    return checked


def _save(folder: Path, logged: LoggedModel, run_id: str, model: Model, threads: int) -> Path:
    from mlflow.models import Model
    from mlflow.pyfunc import save_model

    for name, text in model.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    library = copy_library("ml.baselines" if PARAMETERS in model.files else "ml.codec", folder)
    save_model(
        path=folder / "saved",
        mlflow_model=Model(
            artifact_path=logged.artifact_location,
            run_id=run_id,
            model_uuid=logged.model_id,
            model_id=logged.model_id,
            signature=signature(model.codec, model.classes),
        ),
        python_model=str(_SCRIPT),
        artifacts={_ARTIFACTS[name]: str(folder / name) for name in model.files},
        code_paths=[str(library)],
        model_config={"library": library.name, "threads": threads},
        # Inferring them would load the model in another process, for seconds.
        pip_requirements=[f"{name}=={version(name)}" for name in _REQUIREMENTS],
    )
    return folder / "saved"
