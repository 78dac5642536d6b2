"""Words that Flask-AppBuilder and WTForms show and have no Hindi for. Listed here, they get into our catalogues."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

FLASK_APPBUILDER = (
    _("Access is Denied"),
    _("Added Row"),
    _("Changed Row"),
    _("Deleted Row"),
    _("Database Error"),
    _("Group by"),
    _("Count of"),
    _("Sum of"),
    _("Starts with"),
    _("Contains"),
    _("Equal to"),
    _("Not Equal to"),
    _("Greater than"),
    _("Smaller than"),
    _("Ends with"),
    _("Not Contains"),
    _("Relation"),
)
WTFORMS = (
    _("This field is required."),
    _("Not a valid choice."),
    _("Not a valid date value."),
    _("Not a valid datetime value."),
    _("Not a valid time value."),
    _("Not a valid decimal value."),
    _("Not a valid integer value."),
    _("Invalid email address."),
    _("Invalid input."),
)
