"""MLflow kept off the console and off the network."""

from __future__ import annotations

import logging
import os
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
}
"""Read by MLflow when it is imported or used; a value the user has set stays."""
_LOGGERS = ("mlflow", "alembic")


@contextmanager
def quiet() -> Iterator[None]:
    """Silence MLflow's loggers and warnings inside the block, where its failures are raised."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    # MLflow sets its logger's level when it is imported, so that has to be done before.
    import mlflow  # noqa: F401

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
