"""Forms of billing's own pages; what they hold is checked by the services."""

from __future__ import annotations

from flask import url_for
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import (
    DateField,
    FieldList,
    Form,
    FormField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from app.billing.models import BulkKind, InstalmentInterval
from app.catalog.models import Service
from app.core.page_form import PageForm
from app.core.views import LookupField
from app.core.vocabulary import kind_name
from app.payments.models import TenderKind
from app.people.models import Patient


class CollectForm(PageForm):
    """Money taken at the desk. `key` names the deed, so that it counts once."""

    key = HiddenField()
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


class PlanForm(PageForm):
    """How an invoice is split into instalments."""

    instalments = IntegerField(_("Instalments"), default=3, validators=[InputRequired(), NumberRange(2, 36)])
    interval = SelectField(
        _("Every"), choices=lambda: [(str(kind), str(kind_name(kind))) for kind in reversed(InstalmentInterval)]
    )
    first_due_on = DateField(_("First due date"), validators=[InputRequired()])
    notes = TextAreaField(_("Notes"), validators=[Length(max=2000)])


class PostponeForm(PageForm):
    """When the first unpaid instalment is due; the others follow."""

    next_due_on = DateField(_("Next due date"), validators=[InputRequired()])


class ReturnedChequeForm(PageForm):
    """A cheque that the bank gave back."""

    was_at_bank = RadioField(
        _("Where its money is in the books"),
        choices=lambda: [("hand", _("Cheques in hand")), ("bank", _("Bank"))],
        description=_("Bank: it was entered as arrived there, and the bank took it back."),
        default="hand",
    )
    charge = StringField(
        _("Charged by the bank"), description=_("Leave it empty where it took nothing."), validators=[Length(max=30)]
    )
    reason = TextAreaField(
        _("Reason"), description=_("As the bank tells it."), validators=[DataRequired(), Length(max=300)]
    )


class UndoReturnForm(ReasonForm):
    """A cheque that had not come back after all. `charge`: what the bank took for the return."""

    charge = RadioField(
        _("What the bank charged for the return"),
        choices=lambda: [
            ("back", _("Take it back, too")),
            ("kept", _("The bank keeps it")),
        ],
        default="back",
    )


class DepositForm(PageForm):
    """Money in advance."""

    tender = SelectField(_("Paid by"), choices=lambda: [(str(kind), str(kind_name(kind))) for kind in TenderKind])
    amount = StringField(_("Amount"), validators=[InputRequired(), Length(max=30)])
    reference = StringField(_("Reference"), validators=[Length(max=80)])


class CreditRefundForm(ReasonForm):
    """Credit that goes back."""

    amount = StringField(_("Amount"), validators=[InputRequired(), Length(max=30)])


class BulkForm(PageForm):
    """Completed visits of a period, or all drafts."""

    kind = RadioField(_("Issue"), choices=lambda: [(str(kind), str(kind_name(kind))) for kind in BulkKind])
    first = DateField(_("From"), validators=[Optional()])
    last = DateField(_("Until"), validators=[Optional()])


class LineForm(Form):
    """One line of a draft; a line without a price is left out."""

    service = LookupField(_("Service"), model=Service, url=lambda: url_for("ServicePriceView.lookup", column="service"))
    description = StringField(_("Description"), validators=[Length(max=200)])
    quantity = StringField(_("Qty"), default="1", validators=[Length(max=20)])
    unit_price = StringField(_("Unit price"), validators=[Length(max=30)])
    discount = StringField(_("Discount"), description=_("An amount, or like 10%."), validators=[Length(max=30)])

    @property
    def empty(self) -> bool:
        return not any((self.service.data, (self.description.data or "").strip(), (self.unit_price.data or "").strip()))


class DraftForm(PageForm):
    """A draft: for whom, what, and what is taken off."""

    lines = FieldList(FormField(LineForm), min_entries=1, max_entries=100)
    discount = StringField(
        _("Discount on the invoice"), description=_("An amount, or like 10%."), validators=[Length(max=30)]
    )
    discount_reason = StringField(
        _("Reason for the discount"),
        description=_("Above your limit it needs a reason and somebody else's approval."),
        validators=[Length(max=300)],
    )
    due_on = DateField(_("Due date"), validators=[Optional()])
    notes = TextAreaField(_("Notes"), validators=[Length(max=2000)])


class NewDraftForm(DraftForm):
    patient = LookupField(
        _("Patient"),
        model=Patient,
        url=lambda: url_for("InvoiceView.lookup", column="patient"),
        validators=[InputRequired()],
    )


def show_errors(form: FlaskForm, fields: dict[str, str] | None) -> list[str]:
    """Put a service's refusals beside their fields; the texts of those that have none here."""
    others = []
    for name, text in (fields or {}).items():
        if name in form:
            form[name].errors = [*form[name].errors, str(text)]
        else:
            others.append(str(text))
    return others
