"""Structured logs: a constant text plus fields, one JSON object a line on standard error. Never payloads or keys."""

import logging
import sys

import structlog

from runtime.log_throttle import ThrottleFilter
from runtime.settings import LogSettings

Logger = structlog.stdlib.BoundLogger


def configure_logging(settings: LogSettings, *, role: str) -> None:
    """Send every log, ours and the libraries', to standard error in one form, with *role* in each line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                final,
            ],
        )
    )
    handler.addFilter(ThrottleFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level)
    # A client that retries says so per record and per broker; their lifecycle is in our own lines and metrics.
    for noisy in ("kafka", "aiokafka", "faust", "mode", "urllib3", "httpx", "httpcore", "_granian", "granian"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[settings.level]))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)


def get_logger(name: str) -> Logger:
    """Return the logger of module *name*."""
    logger: Logger = structlog.stdlib.get_logger(name)
    return logger
