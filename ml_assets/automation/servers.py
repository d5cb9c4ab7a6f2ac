"""The two web pages a user works with, bound to localhost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.automation.guard import recover
from ml_assets.registry.store import prepare
from ml_assets.warehouse.settings import project_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets.warehouse.settings import Settings

HOST = "127.0.0.1"


def serve(port: int, mlflow_port: int, settings: Settings, tell: Callable[[str], None]) -> None:
    """Run `dagster dev` and `mlflow ui` until interrupted or until one of them ends."""
    with dg.DagsterInstance.get() as instance:
        for run_id in recover(instance, settings):
            tell(f"Run {run_id} was killed; it is marked as failed now.")
    # MLflow's own creation of a store is not safe when it is interrupted.
    prepare(settings.tracking_uri)
    servers = [
        subprocess.Popen(command, env=environment())  # noqa: S603 - our own command lines
        for command in commands(port, mlflow_port, settings)
    ]
    tell(f"Dagster  http://{HOST}:{port}\nMLflow   http://{HOST}:{mlflow_port}\nCtrl-C ends both.")
    try:
        while all(server.poll() is None for server in servers):
            time.sleep(0.5)
    except KeyboardInterrupt:
        tell("ending")
    finally:
        for server in servers:
            server.send_signal(signal.SIGINT)
        for server in servers:
            server.wait(timeout=60)


def commands(port: int, mlflow_port: int, settings: Settings) -> list[list[str]]:
    """Return the command lines of the Dagster UI with its daemon, and of MLflow's."""
    workspace = project_folder() / "workspace.yaml"
    python = [sys.executable, "-m"]
    dagster = ["dagster", "dev", "-w", str(workspace), "-h", HOST, "-p", str(port)]
    mlflow = ["mlflow", "ui", "--host", HOST, "--port", str(mlflow_port), "--workers", "1"]
    quiet = ["--uvicorn-opts", "--log-level warning"]
    store = ["--backend-store-uri", settings.tracking_uri]
    root = settings.artifact_root
    artifacts = ["--default-artifact-root", root] if root is not None else []
    return [[*python, *dagster, "--log-level", "warning"], [*python, *mlflow, *quiet, *store, *artifacts]]


def environment() -> dict[str, str]:
    """Return the environment of the servers: quiet, without telemetry and MLflow's job workers."""
    return {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
    }
