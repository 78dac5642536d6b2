"""Who works in the clinic, in which role, and what each role may do."""

from __future__ import annotations

from typing import Any

from flask_appbuilder import expose
from flask_babel import lazy_gettext as _
from wtforms import PasswordField, SelectChoice, SelectField, StringField
from wtforms.validators import Email, InputRequired, Length
from wtforms.validators import Optional as OptionalValue

from app.access.models import Member
from app.access.principals import forget_user
from app.access.roles import MATRIX, Role, role_may
from app.access.services import (
    add_member,
    check_role,
    create_user,
    disable_user,
    remove_member,
    unlock_user,
    update_user,
)
from app.core.transaction import after_commit
from app.core.views import ActionView, Chart, CrudView, row_action
from app.core.vocabulary import role_name

ASSIGNABLE = [SelectChoice(value=str(role), label=role_name(role)) for role in Role if role is not Role.SUPER_ADMIN]


class MemberView(CrudView):
    """Users of the clinic. Removing one takes the role away; the person's history stays."""

    model = Member
    class_permission_name = "member"
    menu = ("Set-up", _("Users and roles"))
    menu_order = 40
    list_title = _("Users and roles")
    add_title = _("New user")
    list_columns = ["user", "role", "active", "created_at"]
    show_columns = ["user", "user.username", "user.email", "role", "active", "created_at"]
    search_columns = ["role", "active"]
    label_columns = {"user.username": _("User name"), "user.email": _("E-mail")}
    add_columns = ["first_name", "last_name", "username", "email", "role", "password"]
    edit_columns = ["role", "new_password"]
    add_form_extra_fields = {
        "first_name": StringField(_("First name"), validators=[InputRequired(), Length(max=80)]),
        "last_name": StringField(_("Last name"), validators=[Length(max=80)]),
        "username": StringField(_("User name"), validators=[InputRequired(), Length(min=3, max=120)]),
        "email": StringField(_("E-mail"), validators=[OptionalValue(), Email(), Length(max=254)]),
        "role": SelectField(_("Role"), choices=ASSIGNABLE, default=str(Role.RECEPTIONIST)),
        "password": PasswordField(_("First password"), validators=[InputRequired(), Length(max=128)]),
    }
    edit_form_extra_fields = {
        "role": SelectField(_("Role"), choices=ASSIGNABLE),
        "new_password": PasswordField(_("New password"), validators=[OptionalValue(), Length(max=128)]),
    }
    charts = (Chart("role", _("Members by role"), lambda: Member.role, kind="bar-flat", words=role_name),)

    def add_item(self, form: Any) -> Member:
        check_role(form.role.data)
        names = ("first_name", "last_name", "username", "password")
        user = create_user(email=form.email.data or None, **{name: form[name].data for name in names})
        return add_member(user, form.role.data)

    def change_item(self, item: Member, form: Any) -> None:
        check_role(form.role.data)
        item.role = form.role.data
        if form.new_password.data:
            update_user(item.user, password=form.new_password.data)
        user_id = item.user_id
        after_commit(lambda: forget_user(user_id))

    def delete_item(self, item: Member) -> None:
        remove_member(item)

    @row_action("delete", _("Disable user"), confirm=_("Lock these users out of everything at once?"))
    def disable(self, item: Member) -> Any:
        disable_user(item.user)
        return _("The user is locked out.")

    @row_action("update", _("Unlock"), multiple=False)
    def unlock(self, item: Member) -> Any:
        unlock_user(item.user)
        return _("The user may try to log in again.")


class RoleMatrixView(ActionView):
    """What each role may do, as the code has it."""

    class_permission_name = "member"
    route_base = "/roles"
    menu = ("Set-up", _("Role matrix"))
    menu_order = 41
    default_view = "matrix"

    @expose("/")
    def matrix(self) -> str:
        self.require()
        return self.render("access/roles.html", roles=list(Role), matrix=MATRIX, role_may=role_may)
