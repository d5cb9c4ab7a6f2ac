"""Golden rows: what a model answered, kept with it, and asked again of a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.errors import TrackingError
from ml_assets.registry.store import connected

if TYPE_CHECKING:
    import pyarrow as pa

    from ml_assets.ml.training_table import Floats

FILE = "golden.parquet"
SCORE = "_score"
LONGEST = 600
"""Seconds that a process may take to load a model and answer."""
_ASK = """
import sys

import mlflow
import numpy
import pandas

uri, model, rows, scores = sys.argv[1:]
mlflow.set_tracking_uri(uri)
# A registry that the caller's environment names is not to be asked instead.
mlflow.set_registry_uri(uri)
numpy.save(scores, mlflow.pyfunc.load_model(model).predict(pandas.read_parquet(rows)))
"""


def log_golden(tracking_uri: str, run_id: str, rows: pa.Table, scores: Floats) -> None:
    """Keep feature rows with the model's answers as an artifact of the run that trained it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with connected(tracking_uri) as client, TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        # Of several classes a list per row.
        pq.write_table(rows.append_column(SCORE, pa.array(scores.tolist())), path)
        client.log_artifact(run_id, str(path))


def fresh_scores(tracking_uri: str, model_uri: str, rows: pa.Table) -> Floats:
    """Return what a new process answers that loads the model as anybody would, through MLflow.

    TrackingError, with what the process said last, where it does not load or answer.
    """
    import pyarrow.parquet as pq

    with TemporaryDirectory() as folder:
        asked, answered = Path(folder) / FILE, Path(folder) / "scores.npy"
        pq.write_table(rows, asked)
        arguments = [tracking_uri, model_uri, str(asked), str(answered)]
        try:
            subprocess.run(  # noqa: S603 - our own interpreter and code
                # -P: a file beside the caller is not to stand in for a module.
                [sys.executable, "-P", "-c", _ASK, *arguments],
                check=True,
                capture_output=True,
                text=True,
                timeout=LONGEST,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise TrackingError(
                f"{model_uri} does not answer in a process of its own: {_last_line(error)}.",
                "Load it with mlflow.pyfunc.load_model to see the whole message.",
            ) from error
        return np.asarray(np.load(answered), np.float64)


def _last_line(error: subprocess.CalledProcessError | subprocess.TimeoutExpired) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it took longer than {LONGEST} s"
    lines = error.stderr.strip().splitlines()
    return lines[-1].rstrip(".") if lines else f"it ended with code {error.returncode}"
