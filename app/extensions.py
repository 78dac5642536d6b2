"""Flask extensions, created unbound; create_app() binds them. Each application has a Socket.IO server of its own."""

from __future__ import annotations

from flask_appbuilder import AppBuilder
from flask_wtf.csrf import CSRFProtect

from app.core.tenant import db

csrf = CSRFProtect()
appbuilder = AppBuilder(update_perms=False)

__all__ = ["appbuilder", "csrf", "db"]
