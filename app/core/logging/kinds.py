"""The eight kinds of log record, and which of them a library's own records are."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    SYSTEM = "SYSTEM"
    API = "API"
    DATABASE = "DATABASE"
    CACHE = "CACHE"
    SECURITY = "SECURITY"
    ERROR = "ERROR"
    AUDIT = "AUDIT"
    METRICS = "METRICS"


_BY_LOGGER = (
    ("app.core.cache", Kind.CACHE),
    ("redis", Kind.CACHE),
    ("app.core.metrics", Kind.METRICS),
    ("app.core.api", Kind.API),
    ("app.access", Kind.SECURITY),
    ("flask_appbuilder.security", Kind.SECURITY),
    ("app.audit", Kind.AUDIT),
    ("sqlalchemy", Kind.DATABASE),
    ("alembic", Kind.DATABASE),
    ("psycopg", Kind.DATABASE),
    ("werkzeug", Kind.API),
    ("gunicorn", Kind.API),
    ("flask_cors", Kind.API),
    ("engineio", Kind.API),
    ("socketio", Kind.API),
)


def kind_of(logger: str) -> Kind:
    """The kind of a record that does not say it, from the name of its logger."""
    for prefix, kind in _BY_LOGGER:
        if logger == prefix or logger.startswith(f"{prefix}."):
            return kind
    return Kind.SYSTEM
