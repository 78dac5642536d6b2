"""Binds structlog and the standard library's logging to one pipeline."""

from __future__ import annotations

import logging
from typing import Any

import structlog

from app.core import metrics
from app.core.logging.buffer import BufferedWriter, DescriptorSink, flush_on_termination
from app.core.logging.kinds import Kind
from app.core.logging.libraries import LEVELS, adopt_libraries
from app.core.logging.outlet import Outlet, as_json, as_text

STANDARD_OUTPUT = 1
TERMINAL_FLUSH_SECONDS = 0.2
DROPPED = metrics.Counter("clinic_log_records_dropped", "Log records lost because the buffer was full or its sink gone")

_LEVEL_OF = {"exception": "ERROR", "warn": "WARNING", "fatal": "CRITICAL", "msg": "INFO"}
_writer: BufferedWriter | None = None


def configure_logging(
    *, service: str, production: bool, level: str = "INFO", writer: BufferedWriter | None = None
) -> BufferedWriter:
    """Send all that anybody logs in this process through the pipeline, to standard output unless `writer` is given.

    Production writes JSON, otherwise people read it. RQ's forked job processes leave without running exit handlers:
    whoever runs a job calls `flush()` at its end.
    """
    global _writer
    if level not in LEVELS:
        raise ValueError(f"a log level is one of {', '.join(LEVELS)}")
    if _writer is not None and _writer is not writer:
        _writer.close()
    _writer = _standard_output(production) if writer is None else writer
    flush_on_termination(_writer)
    outlet = Outlet(_writer, service, as_json if production else as_text())
    _configure_structlog(outlet, level)
    adopt_libraries(outlet, level)
    return _writer


def get_logger(kind: Kind = Kind.SYSTEM, **fields: Any) -> Any:
    """A structlog logger whose records are of this kind."""
    return structlog.get_logger(kind=kind, **fields)


def flush() -> None:
    """Write what waits, now."""
    if _writer is not None:
        _writer.flush()


def _configure_structlog(outlet: Outlet, level: str) -> None:
    def hand_over(_logger: Any, method: str, record: Any) -> Any:
        if method == "exception":
            record.setdefault("exc_info", True)
        outlet.put(_LEVEL_OF.get(method, method.upper()), str(record.pop("event", "")), record)
        raise structlog.DropEvent

    structlog.configure(
        processors=[hand_over],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _standard_output(production: bool) -> BufferedWriter:
    sink, count = DescriptorSink(STANDARD_OUTPUT), DROPPED.inc
    return (
        BufferedWriter(sink, on_drop=count)
        if production
        else BufferedWriter(sink, on_drop=count, interval=TERMINAL_FLUSH_SECONDS)
    )
