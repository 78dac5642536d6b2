"""Every failure has words: JSON for the API, a page for people, and no traceback for either."""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, g, redirect, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from werkzeug.exceptions import HTTPException

from app.core.api import dump
from app.core.errors import AppError, BadRequest, NotFound, TooManyRequests, Unauthorized, Unavailable
from app.core.ids import new_id

log = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "TOO_MANY_REQUESTS",
}


def init_app(app: Flask) -> None:
    app.before_request_funcs.setdefault(None, []).insert(0, _name_request)
    app.after_request(_tell_request_id)
    app.register_error_handler(AppError, _on_app_error)
    app.register_error_handler(CSRFError, _on_csrf_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(DataError, _on_data_error)
    app.register_error_handler(OperationalError, _on_database_down)
    app.register_error_handler(PoolExhausted, _on_pool_exhausted)
    app.register_error_handler(StatementError, _on_statement_error)
    app.register_error_handler(Exception, _on_bug)


def _name_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else new_id()


def _tell_request_id(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    return response


def wants_json() -> bool:
    return request.path.startswith(("/api/", "/console/")) or request.accept_mimetypes.best == "application/json"


def _on_app_error(error: AppError) -> Any:
    if isinstance(error, Unauthorized) and not wants_json():
        return _to_login()
    if wants_json():
        response = Response(dump(error.to_json(g.get("request_id"))), status=error.status, mimetype="application/json")
    else:
        response = Response(_page(error.status, error), status=error.status, mimetype="text/html")
    if isinstance(error, TooManyRequests | Unavailable):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _to_login() -> Any:
    """To the log-in page and back again afterwards."""
    target = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(f"/login/?next={quote(target)}" if target != "/" else "/login/")


def _page(status: int, error: AppError) -> str:
    template = f"errors/{status}.html" if status in (403, 404, 429, 500, 503) else "errors/error.html"
    return render_template(template, error=error, status=status, request_id=g.get("request_id"))


def _on_csrf_error(error: CSRFError) -> Any:
    return _on_app_error(BadRequest(error.description, code="CSRF"))


def _on_http_error(error: HTTPException) -> Any:
    if error.response is not None or error.code is None or error.code < 400:
        return error
    failure = AppError(error.description, code=CODES.get(error.code, "ERROR"))
    failure.status = error.code
    if error.code == 404:
        failure = NotFound()
    return _on_app_error(failure)


def _on_data_error(error: DataError) -> Any:
    """A value that the database cannot hold (out of range, malformed id) is the client's mistake."""
    log.info("a value was refused by the database")
    return _on_app_error(BadRequest(code="UNSTORABLE_VALUE"))


def _on_statement_error(error: StatementError) -> Any:
    if isinstance(error.orig, AppError):
        return _on_app_error(error.orig)
    return _on_bug(error)


def _on_database_down(error: OperationalError) -> Any:
    log.error("the database is not reachable: %s", type(error.orig).__name__)
    g.without_database = True
    return _on_app_error(Unavailable())


def _on_pool_exhausted(_error: PoolExhausted) -> Any:
    """More requests at once than connections. Whoever waits longer only makes the queue longer."""
    log.error("no connection to the database became free in time")
    g.without_database = True
    return _on_app_error(Unavailable(code="OVERLOADED"))


def without_database() -> bool:
    """Whether this request found the database away: its answer must do without it."""
    return bool(g.get("without_database"))


def _on_bug(error: Exception) -> Any:
    log.exception("unexpected error", exc_info=error)
    failure = AppError(_bug_text(), code="INTERNAL")
    failure.status = 500
    return _on_app_error(failure)


def _bug_text() -> str:
    from flask_babel import gettext as _

    return _("Something went wrong on our side. Nothing was half done; please try again or tell us the request number.")
