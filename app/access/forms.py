"""Forms of a person's own profile; the services check what they hold."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import PasswordField, SelectChoice, SelectField, StringField
from wtforms.validators import Email, EqualTo, InputRequired, Length, Optional

from app.core.i18n import LANGUAGES
from app.core.page_form import PageForm


class ProfileForm(PageForm):
    first_name = StringField(_("First name"), validators=[InputRequired(), Length(max=80)])
    last_name = StringField(_("Last name"), validators=[Length(max=80)])
    email = StringField(
        _("E-mail"), validators=[Optional(), Email(), Length(max=254)], render_kw={"autocomplete": "email"}
    )
    language = SelectField(
        _("Language"), choices=[SelectChoice(code, entry["name"]) for code, entry in LANGUAGES.items()]
    )


class PasswordForm(PageForm):
    old_password = PasswordField(
        _("Present password"),
        validators=[InputRequired(), Length(max=128)],
        render_kw={"autocomplete": "current-password"},
    )
    password = PasswordField(
        _("New password"),
        description=_("12 characters or more. Your other sessions end."),
        validators=[InputRequired(), Length(max=128)],
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(
        _("New password again"),
        validators=[InputRequired(), EqualTo("password", _("The two new passwords differ."))],
        render_kw={"autocomplete": "new-password"},
    )
