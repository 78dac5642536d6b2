"""/healthz says that the process lives, /readyz that everything it needs does, /metrics how it fares (SPEC OPS-1)."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Flask, Response, request
from prometheus_client.core import GaugeMetricFamily, Metric
from redis.exceptions import RedisError
from rq import Worker
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.core import metrics
from app.core.api import dump
from app.core.errors import Forbidden
from app.core.jobs import QUEUES, oldest_wait, queue_named, redis_connection
from app.core.tenant import db
from config import get_settings
from migrations.history import newest_revision

LOOPBACK = ("127.0.0.1", "::1")

blueprint = Blueprint("health", __name__)


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)


@blueprint.get("/healthz")
def healthz() -> Response:
    return _json({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    checks = {
        "database": database_answers(),
        "redis": redis_answers(),
        "workers": _workers(),
        "migrations": migrations_done(),
    }
    ready = all(checks.values())
    return _json({"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503)


@blueprint.get("/metrics")
def figures() -> Response:
    """For Prometheus: with the token of METRICS_TOKEN; outside production also from this machine."""
    if not (_at_home() or _knows_token()):
        raise Forbidden
    text, content_type = metrics.exposition()
    return Response(text, content_type=content_type)


def _at_home() -> bool:
    """Behind a proxy on the same host everybody seems to be this machine."""
    settings = get_settings()
    return request.remote_addr in LOOPBACK and not settings.production and not settings.proxy_hops


def _knows_token() -> bool:
    token = get_settings().metrics_token
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    wanted = token.get_secret_value() if token else ""
    return bool(wanted) and scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), wanted.encode())


@metrics.add_source
def queue_figures() -> Iterator[Metric]:
    """Length of every queue, dead jobs, and the workers by state (SPEC JOB-3)."""
    waiting = GaugeMetricFamily("clinic_queue_jobs", "Jobs waiting", labels=["queue"])
    oldest = GaugeMetricFamily("clinic_queue_oldest_seconds", "How long the first job has waited", labels=["queue"])
    dead = GaugeMetricFamily("clinic_queue_dead_jobs", "Jobs that failed for good", labels=["queue"])
    for name in QUEUES:
        queue = queue_named(name)
        waiting.add_metric([f"{name}-queue"], queue.count)
        dead.add_metric([f"{name}-queue"], queue.failed_job_registry.count)
        oldest.add_metric([f"{name}-queue"], oldest_wait(queue))
    workers = GaugeMetricFamily("clinic_workers", "Workers", labels=["state"])
    states = [str(worker.get_state()) for worker in Worker.all(connection=redis_connection())]
    for state in sorted(set(states)):
        workers.add_metric([state], states.count(state))
    yield from (waiting, oldest, dead, workers)


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(dump(value), status=status, mimetype="application/json")


def database_answers() -> bool:
    try:
        db.session.execute(text("select 1"))
    except SQLAlchemyError:
        return False
    return True


def redis_answers() -> bool:
    try:
        return bool(redis_connection().ping())
    except RedisError:
        return False


def _workers() -> bool:
    try:
        return bool(Worker.count(connection=redis_connection()))
    except RedisError:
        return False


def migrations_done() -> bool:
    """Whether the database stands at the newest migration of this code."""
    try:
        at = db.session.scalar(text("select version_num from alembic_version"))
    except SQLAlchemyError:
        return False
    return bool(at == newest_revision())
