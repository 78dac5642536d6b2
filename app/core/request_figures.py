"""One log record and one figure per request: how long, how it ended, for whom (ids only)."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

from flask import Flask, Response, g, request

from app.core import metrics
from app.core.logging import Kind, bind, clear, get_logger
from app.core.principal import find_principal
from config import get_settings

REQUESTS = metrics.Histogram("clinic_request_seconds", "Duration of requests", ("method", "endpoint", "status"))
QUIET = ("/static/", "/healthz", "/readyz", "/metrics")

log = get_logger(Kind.API)


def init_app(app: Flask) -> None:
    settings = get_settings()
    if not app.testing:
        metrics.use_directory(Path(settings.data_dir) / "metrics")
    app.before_request(_start)
    app.after_request(_finish)


def _start() -> None:
    g.started = perf_counter()
    clear()
    bind(request_id=g.get("request_id"))


def _finish(response: Response) -> Response:
    seconds = perf_counter() - g.get("started", perf_counter())
    endpoint = request.endpoint or "none"
    REQUESTS.observe(seconds, method=request.method, endpoint=endpoint, status=str(response.status_code))
    if not request.path.startswith(QUIET):
        principal = find_principal()
        log.info(
            "request",
            operation=f"{request.method} {endpoint}",
            status=response.status_code,
            duration_ms=round(seconds * 1000, 1),
            user_id=principal.user_id if principal else None,
            clinic_id=principal.clinic_id if principal else None,
        )
    return response
