"""The two web pages a user works with, bound to localhost."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.automation.guard import recover
from ml_assets.errors import MLAssetsError
from ml_assets.registry.store import prepare
from ml_assets.warehouse.settings import project_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets.warehouse.settings import Settings

HOST = "127.0.0.1"
PATIENCE = 45
"""Seconds that a server gets to end by itself."""


def serve(port: int, mlflow_port: int, settings: Settings, tell: Callable[[str], None]) -> None:
    """Run `dagster dev` and `mlflow ui` until interrupted or until one of them ends."""
    _require_free({"--port": port, "--mlflow-port": mlflow_port})
    with dg.DagsterInstance.get() as instance:
        for run_id in recover(instance, settings):
            tell(f"Run {run_id} was killed; it is marked as failed now.")
    # MLflow's own creation of a store is not safe when it is interrupted.
    prepare(settings.tracking_uri)
    # A closed terminal and a plain `kill` end everything as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    # In sessions of their own they get one signal, ours, and not the terminal's as well.
    servers = [
        subprocess.Popen(command, env=environment(), start_new_session=True)  # noqa: S603
        for command in commands(port, mlflow_port, settings)
    ]
    tell(f"Dagster  http://{HOST}:{port}\nMLflow   http://{HOST}:{mlflow_port}\nCtrl-C ends both.")
    try:
        while all(server.poll() is None for server in servers):
            time.sleep(0.5)
        tell("One of the two ended by itself, its last messages say why; ending the other.")
    except KeyboardInterrupt:
        tell("ending")
    finally:
        _end(servers)


def _require_free(ports: dict[str, int]) -> None:
    for option, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise MLAssetsError(
                    f"Port {port} is taken ({error.strerror}).",
                    f"End what listens there or choose another with {option}.",
                ) from error


def _end(servers: list[subprocess.Popen[bytes]]) -> None:
    """Interrupt the servers and wait; what is left of their process groups then is killed."""
    for server in servers:
        server.send_signal(signal.SIGINT)
    for server in servers:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=PATIENCE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)


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
    return [
        [*python, *dagster, "--log-level", "warning"],
        [*python, *mlflow, *quiet, *store, *artifacts],
    ]


def environment() -> dict[str, str]:
    """Return the environment of the servers: quiet, without telemetry and MLflow's job workers."""
    return {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
    }
