"""The WSGI application of the sandbox."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request
from flask_babel import Babel, get_locale

from app.sandbox.control import control
from app.sandbox.inbox import inbox
from app.sandbox.interception import intercept
from app.sandbox.sandbox import EXTENSION, Sandbox
from app.sandbox.simulator import HttpSimulator

LARGEST_BODY = 110 * 1024 * 1024
LANGUAGES = ["en", "hi"]
TRANSLATIONS = Path(__file__).resolve().parents[1] / "translations"
OWN_PAGES = frozenset({"inbox", "control"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
POLICY = "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'self'"


def create_sandbox(sandbox: Sandbox) -> Flask:
    """Imports nothing of the console: the two know each other by HTTP only."""
    app = Flask("app.sandbox", static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.extensions[EXTENSION] = sandbox
    Babel(app, default_translation_directories=str(TRANSLATIONS), locale_selector=_language)
    app.jinja_env.globals["get_locale"] = get_locale
    app.before_request(_refuse_other_sites)
    intercept(app)
    for simulator in sandbox.simulators.values():
        if isinstance(simulator, HttpSimulator):
            for blueprint in simulator.blueprints():
                app.register_blueprint(blueprint)
    app.register_blueprint(control)
    app.register_blueprint(inbox)
    app.after_request(_protect_pages)
    return app


def _language() -> str:
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def _refuse_other_sites() -> None:
    """A page of another site, open in the developer's browser, must not press our switches."""
    origin = request.headers.get("Origin")
    if request.blueprint in OWN_PAGES and origin and urlsplit(origin).hostname not in LOOPBACK:
        abort(403)


def _protect_pages(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
