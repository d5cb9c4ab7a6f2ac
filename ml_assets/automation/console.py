"""A console that a person reads: one line per thing done, no stack of event names."""

from __future__ import annotations

import logging
import sys

import dagster as dg

NOT_RUN = "Dependencies for step "
"""How Dagster begins a line for each step behind one that failed; the reason stands above them."""


class _People(logging.Filter):
    """Let through what assets say and every warning; drop the machinery's own events."""

    def filter(self, record: logging.LogRecord) -> bool:
        event = getattr(record, "dagster_event", None)
        own = getattr(record, "dagster_meta", {}).get("orig_message") or ""
        if own.startswith(NOT_RUN):
            return False
        return record.levelno >= logging.WARNING or event is None


class _Line(logging.Formatter):
    """Format `12:03:11 flights/cleaned/weather  2013-03: 2,227 rows`."""

    def format(self, record: logging.LogRecord) -> str:
        meta = getattr(record, "dagster_meta", {})
        step = (meta.get("step_key") or "").replace("__", "/")
        text = _why(record) or meta.get("orig_message") or record.getMessage()
        level = "" if record.levelno < logging.WARNING else f"{record.levelname}: "
        return f"{self.formatTime(record, '%H:%M:%S')} {step:<32} {level}{text}"


def _why(record: logging.LogRecord) -> str | None:
    """Return the reason of a failed step, which the event's own message leaves out."""
    event = getattr(record, "dagster_event", None)
    if not isinstance(event, dg.DagsterEvent) or not event.is_step_failure:
        return None
    failure = event.step_failure_data
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else None


@dg.logger(
    config_schema={"log_level": dg.Field(str, default_value="INFO", is_required=False)},
    description="One readable line per message.",
)
def console_logger(init_context: dg.InitLoggerContext) -> logging.Logger:
    """Return a logger that writes people's lines to standard error."""
    logger = logging.Logger("ml_assets.console", level=init_context.logger_config["log_level"])
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_People())
    handler.setFormatter(_Line())
    logger.addHandler(handler)
    return logger
