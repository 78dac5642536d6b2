"""The end of the pipeline: a record is completed, masked, rendered as one line and handed to the buffer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from structlog.contextvars import get_contextvars

from app.core import metrics
from app.core.logging.buffer import BufferedWriter
from app.core.logging.failures import Failure, describe
from app.core.logging.kinds import Kind
from app.core.logging.masking import mask, scrub

Record = Mapping[str, Any]
Render = Callable[[Record], str]

WRITTEN = metrics.Counter("clinic_log_records", "Log records by level and kind", ["level", "kind"])
URGENT = ("ERROR", "CRITICAL")


class Outlet:
    """Never raises: a log may not break what it tells of. Audit records are written before `put` returns."""

    def __init__(self, writer: BufferedWriter, service: str, render: Render) -> None:
        self._writer = writer
        self._service = service
        self._render = render

    def put(self, level: str, event: str, fields: dict[str, Any]) -> None:
        try:
            self._put(level, event, fields)
        except Exception as error:  # a value whose own __str__ fails, say
            self._put("ERROR", "a log record could not be written", {"error_type": type(error).__name__})

    def _put(self, level: str, event: str, fields: dict[str, Any]) -> None:
        failure = _failure(fields.pop("exc_info", None))
        kind = str(fields.pop("kind", None) or (Kind.ERROR if failure else Kind.SYSTEM))
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        head = {"timestamp": moment, "level": level, "kind": kind, "event": scrub(event), "service": self._service}
        record: dict[str, Any] = {**head, **mask({**get_contextvars(), **fields})}
        if failure:
            record["exception"] = failure
        WRITTEN.inc(level=level, kind=kind)
        line = self._render(record).encode("utf-8", "backslashreplace") + b"\n"
        self._writer.write(line, urgent=level in URGENT, direct=kind == Kind.AUDIT)


def as_json(record: Record) -> str:
    """One JSON object a line, for machines."""
    failure = record.get("exception")
    shown = {**record, "exception": _scrubbed(failure.to_json())} if isinstance(failure, Failure) else record
    try:
        return orjson.dumps(shown, default=str).decode()
    except TypeError:  # what only Python writes: huge numbers, lone surrogates
        return json.dumps(shown, ensure_ascii=False, default=str)


def as_text() -> Render:
    """A line for people at a terminal, the traceback below it."""
    renderer = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), sort_keys=False, pad_event_to=0)

    def render(record: Record) -> str:
        shown = {key: value for key, value in record.items() if key != "service"}
        shown["timestamp"], shown["level"] = shown["timestamp"][11:23], shown["level"].lower()
        if isinstance(record.get("exception"), Failure):
            shown["exception"] = scrub(str(record["exception"]))
        return str(renderer(None, "", shown))

    return render


def _failure(exc_info: Any) -> Failure | None:
    if exc_info is True:
        exc_info = sys.exc_info()[1]
    if isinstance(exc_info, tuple):
        exc_info = exc_info[1]
    return describe(exc_info) if isinstance(exc_info, BaseException) else None


def _scrubbed(failure: dict[str, Any]) -> dict[str, Any]:
    """Every message of the chain through the pattern net; stacks hold code only."""
    nested = {"cause": _scrubbed(failure["cause"])} if "cause" in failure else {}
    return {**failure, "message": scrub(failure.get("message", "")), **nested}
