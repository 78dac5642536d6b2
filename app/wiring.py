"""Binds settings, extensions, edges and slices into one Flask application."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask_socketio import SocketIO
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import UUIDConverter

from app.core import (
    assets,
    error_pages,
    formatting,
    health,
    i18n,
    list_view,
    navigation,
    openapi,
    request_figures,
    security_headers,
    styleguide,
    widgets,
)
from app.core.browser_session import BrowserSessions
from app.core.cache.regions import CHARTS
from app.core.commands import in_words
from app.core.connections import prepare_engine
from app.core.database_wait import use_greenlets
from app.core.form_fields import use_in_model_forms
from app.core.late_rules import LateRule
from app.core.loader import load_declarations, load_edges
from app.core.logging import configure_logging
from app.core.principal import find_principal, install_role_table, may
from app.core.row_security import APP_ROLE, SYSTEM_ROLE
from app.core.sockets import SOCKETS_PATH, LiveManager, LiveNamespace, SocketsBeside
from app.core.tenant import SYSTEM_BIND, current_clinic_id, db, require_clinic
from app.core.views import records
from app.core.views.hooks import ConsoleHooks, install_hooks
from app.tenancy.cache import shared_cache
from config import Settings, get_settings

ROOT = Path(__file__).resolve().parents[1]
# A client whose line is dead without a word knows it after twice as long, and tries again until it is back.
PING_SECONDS = 8


class IdConverter(UUIDConverter):
    """`<id:patient_id>` in a route: a UUID as text; anything else is a 404 before a handler runs."""

    def to_python(self, value: str) -> str:  # type: ignore[override]
        return value.lower()


def build(slices: tuple[str, ...], overrides: dict[str, Any], *, edges: bool = True) -> Flask:
    settings = get_settings()
    app = Flask("app", root_path=str(ROOT / "app"), template_folder=str(ROOT / "templates"), static_folder="static")
    app.config.update(flask_config(settings), **overrides)
    app.session_interface = BrowserSessions(app)
    app.url_map.converters["id"] = IdConverter
    app.url_rule_class = LateRule
    if settings.proxy_hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, *([settings.proxy_hops] * 4))  # type: ignore[method-assign]
    for module in load_declarations(slices):
        for command in getattr(module, "CLI_COMMANDS", ()):
            app.cli.add_command(in_words(command))
    _bind_extensions(app, slices if edges else ())
    return app


def flask_config(settings: Settings) -> dict[str, Any]:
    engine = {
        "pool_size": settings.pool_size,
        "max_overflow": settings.pool_overflow,
        "pool_timeout": settings.pool_wait_seconds,
        "pool_use_lifo": True,  # the one used last has prepared what comes next, and needs no ping
        "hide_parameters": True,
    }
    return {
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_BINDS": {SYSTEM_BIND: {"url": settings.database_url, **engine, "pool_size": 5}},
        "SQLALCHEMY_ENGINE_OPTIONS": engine,
        "FAB_UPDATE_PERMS": False,
        "FAB_CREATE_DB": False,
        "FAB_ADD_MENU_API": False,
        "FAB_ADD_OPENAPI_VIEWS": False,
        "APP_NAME": "Clinic Console",
        "JWT_SECRET_KEY": settings.secret_key.get_secret_value(),
        "RATELIMIT_ENABLED": False,
        "WTF_CSRF_CHECK_DEFAULT": False,  # app/access/edge.py checks cookie requests itself
        "WTF_CSRF_TIME_LIMIT": None,
        "MAX_CONTENT_LENGTH": 8 * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 1024 * 1024,
        "SESSION_COOKIE_NAME": "clinic_session",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.production,
        "PERMANENT_SESSION_LIFETIME": timedelta(seconds=settings.refresh_token_seconds),
    }


def _bind_migrations(app: Flask) -> None:
    """`flask db`; no other process needs Alembic."""
    from flask_migrate import Migrate

    Migrate(app, db, directory=str(ROOT / "migrations"))


def _bind_extensions(app: Flask, slices: tuple[str, ...]) -> None:
    """`slices`: those whose screens and API are served."""
    from app.access import edge
    from app.access.roles import role_may
    from app.access.security import SecurityManager
    from app.desk.home import HomeView
    from app.extensions import appbuilder, csrf

    settings = get_settings()

    if not app.testing:
        configure_logging(service="console", production=settings.production)
    request_figures.init_app(app)
    install_role_table(role_may)
    install_hooks(ConsoleHooks(currency=_currency, keep=_keep_chart, note_export=_note_export))
    health.init_app(app)
    edge.install(app)
    security_headers.init_app(app)
    error_pages.init_app(app)
    db.init_app(app)
    csrf.init_app(app)
    i18n.prepare(app)
    use_in_model_forms()
    use_greenlets()
    with app.app_context():
        prepare_engine(db.engine, APP_ROLE)
        prepare_engine(db.engines[SYSTEM_BIND], SYSTEM_ROLE)
        appbuilder.__init__(  # type: ignore[misc]  # a fresh menu per application, so that tests can build several
            update_perms=False, indexview=HomeView, security_manager_class=SecurityManager
        )
        appbuilder.init_app(app, db.session)
        load_edges(appbuilder, slices)
    i18n.init_app(app, _clinic_locale)
    assets.init_app(app)
    formatting.init_app(app)
    for part in (navigation, list_view, records, widgets, openapi, styleguide):
        part.init_app(app)
    app.jinja_env.globals.update(may=may, current_principal=find_principal)
    if click.get_current_context(silent=True):
        _bind_migrations(app)
    _bind_sockets(app)


def _bind_sockets(app: Flask) -> None:
    from app.access.edge import authenticate_socket, socket_still_valid

    settings, pages = get_settings(), app.wsgi_app
    socketio = SocketIO(
        app,
        async_mode=app.config.get("SOCKETIO_ASYNC_MODE"),
        client_manager=LiveManager(settings.redis_url, channel="clinic-console"),
        transports=["websocket"],
        ping_interval=PING_SECONDS,
        ping_timeout=PING_SECONDS,
        cors_allowed_origins=None,
        path=SOCKETS_PATH.strip("/"),
    )
    socketio.on_namespace(LiveNamespace(authenticate_socket, socket_still_valid))
    app.wsgi_app = SocketsBeside(pages, app.wsgi_app)  # type: ignore[method-assign]


def _currency() -> str:
    from app.tenancy.queries import settings_in_scope

    return settings_in_scope().currency


def _clinic_locale() -> i18n.ClinicLocale | None:
    from app.tenancy.queries import settings_in_scope

    if current_clinic_id() is None or error_pages.without_database():
        return None
    settings = settings_in_scope()
    return i18n.ClinicLocale(settings.locale, settings.zone)


def _keep_chart(name: str, load: Callable[[], Any]) -> Any:
    return shared_cache().get(CHARTS, require_clinic(), name, load)


def _note_export(table: str) -> None:
    from app.audit.services import record

    record("exported", table, None)
