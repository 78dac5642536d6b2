"""Console log-in, log-out, and switching the active clinic or the language."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import redirect, request, session
from flask_appbuilder import BaseView, expose
from werkzeug.wrappers import Response

from app.access.edge import SESSION_COOKIE_KEY, USER_COOKIE_KEY
from app.access.services import demo_log_ins, set_language
from app.access.sessions import enter_clinic, log_in, revoke_session
from app.core import rate_limit
from app.core.errors import AppError, NotFound
from app.core.ids import is_id
from app.core.principal import current_principal, find_principal
from app.extensions import csrf
from config import get_settings


class LoginView(BaseView):
    """The way in and out of the console."""

    abstract = True  # the security manager registers it, where Flask-AppBuilder expects its log-in view
    route_base = ""
    default_view = "login"

    @expose("/login/", methods=["GET", "POST"])
    def login(self) -> Any:
        if request.method == "POST":
            return self._log_in()
        if find_principal():
            return redirect(safe_target(request.args.get("next")))
        return self._form()

    def _log_in(self) -> Any:
        csrf.protect()
        rate_limit.hit("login", request.remote_addr or "-", get_settings().logins_per_minute)
        username, password = request.form.get("username", ""), request.form.get("password", "")
        try:
            tokens = log_in(username, password, address=request.remote_addr, user_agent=request.user_agent.string)
        except AppError as error:
            return self._form(error, username), error.status
        session.clear()
        session[SESSION_COOKIE_KEY], session[USER_COOKIE_KEY] = tokens.session_id, tokens.user_id
        session.permanent = True
        return redirect(safe_target(request.args.get("next")))

    def _form(self, error: AppError | None = None, username: str = "") -> str:
        return self.render_template(
            "access/login.html",
            error=error,
            username=username,
            demo_logins=demo_log_ins(),
            next=request.args.get("next"),
        )

    @expose("/logout/", methods=["POST"])
    def logout(self) -> Response:
        principal = find_principal()
        if principal:
            revoke_session(principal.session_id, user_id=principal.user_id)
        session.clear()
        return redirect("/login/")

    @expose("/session/clinic", methods=["POST"])
    def switch_clinic(self) -> Response:
        clinic_id = request.form.get("clinic_id", "")
        if not is_id(clinic_id):
            raise NotFound
        enter_clinic(current_principal().session_id, clinic_id)
        return redirect("/")

    @expose("/session/language", methods=["POST"])
    def switch_language(self) -> Response:
        language = set_language(request.form.get("language", ""))
        session["locale"] = language
        return redirect(safe_target(request.form.get("next") or request.referrer))


def safe_target(url: str | None) -> str:
    """Where to go after a form: only paths of our own, so that a link cannot send a user elsewhere."""
    try:
        parts = urlsplit((url or "/").replace("\\", "/"))
    except ValueError:
        return "/"
    if parts.netloc and parts.netloc != request.host:
        return "/"
    if not parts.path.startswith("/") or parts.path.startswith("//"):
        return "/"
    return parts.path + (f"?{parts.query}" if parts.query else "")
