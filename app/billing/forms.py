"""Forms of billing's own pages; what they hold is checked by the services."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from app.core.vocabulary import kind_name
from app.payments.models import TenderKind


class PageForm(FlaskForm):
    """Without a token of its own: the edge checks every cookie request's (app/access/edge.py)."""

    class Meta:
        csrf = False


class CollectForm(PageForm):
    """Money taken at the desk."""

    tender = SelectField(_("Paid by"), choices=lambda: [(str(kind), str(kind_name(kind))) for kind in TenderKind])
    amount = StringField(_("Amount"), validators=[InputRequired(), Length(max=30)])
    reference = StringField(
        _("Reference"), description=_("Of the transfer, card slip or cheque."), validators=[Length(max=80)]
    )


class ReasonForm(PageForm):
    """A deed that needs a reason."""

    reason = TextAreaField(_("Reason"), validators=[DataRequired(), Length(max=300)])


class CreditForm(ReasonForm):
    """A correction of what is unpaid."""

    amount = StringField(_("Amount"), validators=[InputRequired(), Length(max=30)])


def show_errors(form: FlaskForm, fields: dict[str, str] | None) -> list[str]:
    """Put a service's refusals beside their fields; the texts of those that have none here."""
    others = []
    for name, text in (fields or {}).items():
        if name in form:
            form[name].errors = [*form[name].errors, str(text)]
        else:
            others.append(str(text))
    return others
