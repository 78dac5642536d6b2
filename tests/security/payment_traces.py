"""Everything that a run of payments leaves behind as text: rows, Redis, jobs, logs."""

from __future__ import annotations

import base64
import json
import logging
import traceback
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from sqlalchemy import text

from app.core.jobs import redis_connection
from app.core.tenant import all_tenants, db


def readable(value: Any) -> str:
    """Bytes as they are, and unpacked where they are packed (jobs are)."""
    if isinstance(value, memoryview):
        value = bytes(value)
    if isinstance(value, bytes):
        try:
            return value.decode("latin-1") + zlib.decompress(value).decode("latin-1")
        except zlib.error:
            return value.decode("latin-1")
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=readable, ensure_ascii=False)
    return str(value)


def stored_rows() -> dict[str, str]:
    """Each table's rows, every column of them, of all clinics."""
    db.session.rollback()
    with all_tenants():
        names = db.session.scalars(text("select tablename from pg_tables where schemaname = 'public'")).all()
        found = {}
        for name in names:
            rows = db.session.execute(text(f'select * from "{name}"'))
            found[name] = "\n".join(readable(value) for row in rows for value in row if value is not None)
        db.session.rollback()
    return found


def kept_in_redis() -> str:
    """Keys, their values and the packed descriptions of jobs."""
    connection = redis_connection()
    readers = {
        b"string": connection.get,
        b"hash": connection.hgetall,
        b"list": lambda key: connection.lrange(key, 0, -1),
        b"set": connection.smembers,
        b"zset": lambda key: connection.zrange(key, 0, -1),
    }
    parts = []
    for key in connection.scan_iter("*"):
        value = readers.get(connection.type(key), lambda _key: b"")(key)
        values = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        parts.append(readable(key))
        parts.extend(map(readable, values) if isinstance(values, (list, set)) else [readable(values)])
    return "\n".join(parts)


class _Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        cause = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        self.lines.append(f"{record.getMessage()} {record.__dict__!r} {cause}")


@contextmanager
def everything_logged() -> Iterator[list[str]]:
    """What is logged from DEBUG on, by us and by libraries, before anything is masked."""
    keeper, root = _Keeper(), logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in ("app", "urllib3", "werkzeug", "rq"))]
    before = [logger.level for logger in loggers]
    root.addHandler(keeper)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield keeper.lines
    finally:
        root.removeHandler(keeper)
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def shapes_of(secret: str) -> set[str]:
    """A secret as it stands, and as headers, URLs and documents carry it."""
    raw = secret.encode()
    packed = base64.b64encode(raw).decode().rstrip("=")
    return {secret, quote(secret, safe=""), raw.hex(), packed, json.dumps(secret)[1:-1]}
