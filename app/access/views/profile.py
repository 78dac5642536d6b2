"""A person's own page: name, e-mail, language, password, and where they are logged in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, session
from flask_appbuilder import expose
from flask_babel import gettext as _

from app.access.devices import device_name
from app.access.forms import PasswordForm, ProfileForm
from app.access.services import change_own_password, own_user, update_user
from app.access.sessions import list_sessions, revoke_session
from app.core import rate_limit
from app.core.errors import AppError, NotFound
from app.core.page_form import PageForm
from app.core.principal import current_principal
from app.core.transaction import unit_of_work
from app.core.views import ActionView

PROFILE = "/profile/"
TRIES_PER_MINUTE = 5


class ProfileView(ActionView):
    """The user's menu leads here."""

    class_permission_name = "profile"
    route_base = "/profile"
    default_view = "page"

    @expose("/")
    def page(self) -> str:
        self.require()
        return self._page(ProfileForm(obj=own_user()), PasswordForm(formdata=None))

    @expose("/", methods=["POST"])
    def change(self) -> Any:
        self.require("update")
        form = ProfileForm()
        names = ("first_name", "last_name", "email", "language")

        def save() -> str:
            values = {name: (form[name].data or "").strip() for name in names}
            with unit_of_work():
                update_user(own_user(), **{**values, "email": values["email"] or None})
            session["locale"] = form.language.data
            return _("Your profile is saved.")

        return self._answer(form, save) or (self._page(form, PasswordForm(formdata=None)), 422)

    @expose("/password", methods=["POST"])
    def password(self) -> Any:
        principal = self.require("update")
        rate_limit.hit("password", principal.user_id, TRIES_PER_MINUTE)
        form = PasswordForm()

        def save() -> str:
            with unit_of_work():
                change_own_password(form.old_password.data, form.password.data, keep_session=principal.session_id)
            return _("Your password is changed. All other sessions have ended.")

        return self._answer(form, save) or (self._page(ProfileForm(formdata=None, obj=own_user()), form), 422)

    @expose("/sessions/<id:session_id>/revoke", methods=["POST"])
    def revoke(self, session_id: str) -> Any:
        principal = self.require()
        if not revoke_session(session_id, user_id=principal.user_id, reason="REVOKED"):
            raise NotFound
        if session_id == principal.session_id:
            session.clear()
            return redirect("/login/")
        flash(_("The session has ended."), "success")
        return redirect(PROFILE)

    def _answer(self, form: PageForm, save: Callable[[], str]) -> Any:
        """Back to the page when it worked; None with the reasons beside the fields when it did not."""
        if not form.validate():
            return None
        try:
            flash(save(), "success")
        except AppError as error:
            _show_errors(form, error)
            return None
        return redirect(PROFILE)

    def _page(self, profile: ProfileForm, password: PasswordForm) -> str:
        principal = current_principal()
        sessions = [(item, device_name(item.user_agent)) for item in list_sessions(principal.user_id)]
        return self.render(
            "access/profile.html",
            user=own_user(),
            profile=profile,
            password=password,
            sessions=sessions,
            current=principal.session_id,
        )


def _show_errors(form: PageForm, error: AppError) -> None:
    fields = dict(error.fields or {})
    for name, text in fields.items():
        if name in form:
            form[name].errors = [*form[name].errors, str(text)]
    if not fields:
        flash(str(error.message), "danger")
