"""Takes in the records of the standard library's logging: Flask, SQLAlchemy, RQ, and our own modules that use it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from app.core.logging.failures import describe
from app.core.logging.kinds import kind_of
from app.core.logging.masking import MASK, scrub
from app.core.logging.outlet import Outlet

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

# Their arguments are our own words or technical facts; any other library's text arguments are masked.
_TRUSTED = ("app", "worker", "werkzeug", "gunicorn", "rq", "alembic")
# At INFO and below these repeat statements, addresses and payloads.
_CHATTY = (
    "sqlalchemy", "urllib3", "xhtml2pdf", "reportlab", "engineio", "socketio", "asyncio", "PIL", "fontTools", "rq.cron",
    "rq.worker", "flask_appbuilder", "alembic.runtime.plugins",
)  # fmt: skip
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class LibraryHandler(logging.Handler):
    """The only handler of the root logger, apart from a test runner's own."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__()
        self._outlet = outlet

    def emit(self, record: logging.LogRecord) -> None:
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info and record.exc_info[1] is not None:
            fields["exc_info"] = record.exc_info[1]
        else:
            fields.setdefault("kind", kind_of(record.name))
        self._outlet.put(_level(record.levelno), _message(record), {"logger": record.name, **fields})


def adopt_libraries(outlet: Outlet, level: str) -> None:
    """Take every logger's own handlers away, so that nothing is written past the pipeline."""
    root = logging.getLogger()
    replaced = (LibraryHandler, logging.StreamHandler)
    root.handlers = [LibraryHandler(outlet), *(handler for handler in root.handlers if type(handler) not in replaced)]
    root.setLevel(level)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _message(record: logging.LogRecord) -> str:
    if record.args and not _trusted(record.name):
        record = logging.makeLogRecord({**vars(record), "args": _masked_arguments(record.args)})
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # the text does not fit its arguments, %d for a masked one, say
        return scrub(str(record.msg))


def _trusted(logger: str) -> bool:
    return any(logger == name or logger.startswith(f"{name}.") for name in _TRUSTED)


def _masked_arguments(arguments: Any) -> Any:
    if isinstance(arguments, Mapping):
        return {key: _masked_argument(value) for key, value in arguments.items()}
    return tuple(_masked_argument(value) for value in arguments)


def _masked_argument(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return describe(value).message if isinstance(value, BaseException) else MASK


def _level(number: int) -> str:
    """Libraries' own levels count as the one of ours below them."""
    return LEVELS[max(0, min(len(LEVELS), number // 10) - 1)]
