"""Forms of the payments' own pages; what they hold is checked by the services."""

from __future__ import annotations

from datetime import timedelta

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from wtforms import DateField, HiddenField, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from app.core import clock
from app.core.page_form import PageForm
from app.core.tenant import db
from app.core.vocabulary import kind_name
from app.payments.models import ORIGINAL, ExceptionStatus, TenderKind
from app.payments.services.gateway import CHANNEL
from app.tenancy.models import ProviderAccount
from app.tenancy.queries import settings_in_scope


def _accounts() -> list[SelectChoice]:
    wanted = select(ProviderAccount).where(ProviderAccount.channel == CHANNEL).order_by(ProviderAccount.priority)
    return [SelectChoice(row.id, str(kind_name(row.provider))) for row in db.session.scalars(wanted)]


def _days_ago(days: int) -> object:
    return lambda: clock.today(settings_in_scope().zone) - timedelta(days=days)


class ReconcileForm(PageForm):
    """Which account, and which days."""

    account = SelectField(_("Gateway"), choices=_accounts, validators=[InputRequired()])
    first_on = DateField(_("From"), default=_days_ago(8), validators=[InputRequired()])
    last_on = DateField(_("Until"), default=_days_ago(1), validators=[InputRequired()])


class AnswerForm(PageForm):
    """What became of a difference."""

    status = SelectField(
        _("Answer"),
        choices=[
            SelectChoice(str(ExceptionStatus.RESOLVED), _("It is put right")),
            SelectChoice(str(ExceptionStatus.IGNORED), _("The difference is accepted")),
        ],
    )
    note = TextAreaField(
        _("Why"), description=_("For whoever reads the books later."), validators=[DataRequired(), Length(max=300)]
    )


class RefundForm(PageForm):
    """Money that should go back. `key` names the deed, so that two clicks are one refund."""

    key = HiddenField()
    amount = StringField(_("Amount"), validators=[InputRequired(), Length(max=30)])
    destination = SelectField(
        _("Paid back as"),
        choices=lambda: [SelectChoice(str(kind), str(kind_name(kind))) for kind in (ORIGINAL, *TenderKind)],
        description=_("Another way than it was paid needs a second person."),
    )
    reason = TextAreaField(_("Reason"), validators=[DataRequired(), Length(max=300)])
