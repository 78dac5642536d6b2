"""/healthz says that the process lives, /readyz that everything it needs does, /metrics how it fares (SPEC OPS-1)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, current_app
from redis.exceptions import RedisError
from rq import Worker
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.core.api import dump
from app.core.jobs import redis_connection
from app.core.tenant import db

blueprint = Blueprint("health", __name__)


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)


@blueprint.get("/healthz")
def healthz() -> Response:
    return _json({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    checks = {"database": _database(), "redis": _redis(), "workers": _workers(), "migrations": _migrations()}
    ready = all(checks.values())
    return _json({"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503)


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(dump(value), status=status, mimetype="application/json")


def _database() -> bool:
    try:
        db.session.execute(text("select 1"))
    except SQLAlchemyError:
        return False
    return True


def _redis() -> bool:
    try:
        return bool(redis_connection().ping())
    except RedisError:
        return False


def _workers() -> bool:
    try:
        return bool(Worker.count(connection=redis_connection()))
    except RedisError:
        return False


def _migrations() -> bool:
    """Whether the database stands at the newest migration of this code."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", current_app.extensions["migrate"].directory)
    try:
        at = db.session.scalar(text("select version_num from alembic_version"))
    except SQLAlchemyError:
        return False
    return bool(at == ScriptDirectory.from_config(config).get_current_head())
