"""From what a person asks for to a priced draft: services bring their name, code and tax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.models import Invoice
from app.billing.services.discounts import check_discounts, judge_discount, percent_off
from app.billing.services.invoices import change_draft, check_draft, draft_invoice
from app.billing.services.lines import NewLine, amounts_that_fit
from app.billing.services.visits import find_invoice_of_visit, lock_visit
from app.catalog.models import TaxRate
from app.catalog.queries import find_tax, get_service, rule_of
from app.catalog.tax import TaxRule
from app.core import clock
from app.core.errors import Conflict, Invalid, NotFound
from app.core.money import Money
from app.core.tenant import db
from app.scheduling.queries import find_appointment
from app.tenancy.queries import settings_in_scope

LONGEST_OVERDUE = timedelta(days=366)


class VisitInvoiced(Conflict):
    """The visit has an invoice that counts."""

    code = "VISIT_INVOICED"


@dataclass(frozen=True)
class WantedLine:
    """A line as somebody asks for it; what is empty comes from the service."""

    unit_price: Money
    quantity: Decimal = Decimal(1)
    description: str = ""
    service_id: str | None = None
    tax_rate_id: str | None = None
    discount: Money | Decimal | None = None


def draft_by_hand(
    patient_id: str,
    wanted: Sequence[WantedLine],
    *,
    discount: Money | Decimal | None = None,
    discount_reason: str = "",
    appointment_id: str | None = None,
    **columns: Any,
) -> Invoice:
    """A draft that a person writes; a discount is an amount, or per cent as a Decimal.

    What is above the person's limit waits for approval. Raises NotFound, Invalid, VisitInvoiced.
    """
    lines = [_priced(line, at) for at, line in enumerate(wanted)]
    off = _whole_discount(lines, discount)
    _check_discounts(lines, off, discount_reason)
    _check_due(columns.get("due_on"))
    if appointment_id is not None:
        columns |= _visit_columns(appointment_id, patient_id)
    invoice = draft_invoice(patient_id, lines, discount=off, discount_reason=discount_reason, **columns)
    judge_discount(invoice)
    return invoice


def change_by_hand(
    invoice: Invoice,
    wanted: Sequence[WantedLine] | None,
    *,
    discount: Money | Decimal | None = None,
    discount_reason: str = "",
    **columns: Any,
) -> Invoice:
    """Write a locked draft anew; without lines its own stay. Raises NotDraft, Invalid."""
    check_draft(invoice)
    if wanted is None:
        lines = [_as_written(line) for line in invoice.lines]
    else:
        lines = [_priced(line, at) for at, line in enumerate(wanted)]
    off = _whole_discount(lines, discount)
    _check_discounts(lines, off, discount_reason)
    if columns.get("due_on") != invoice.due_on:
        _check_due(columns.get("due_on"))
    change_draft(invoice, lines, discount=off, discount_reason=discount_reason, **columns)
    judge_discount(invoice)
    return invoice


def _whole_discount(lines: Sequence[NewLine], discount: Money | Decimal | None) -> Money | None:
    """The invoice's own discount: per cent of what its lines cost after their own."""
    if not isinstance(discount, Decimal) or not lines:
        return discount if isinstance(discount, Money) else None
    with amounts_that_fit():
        nets = [_gross(line) - (line.discount or Money.zero(line.unit_price.currency)) for line in lines]
        return percent_off(Money.total(nets, nets[0].currency), discount)


def _gross(line: WantedLine | NewLine) -> Money:
    return line.unit_price.times(line.quantity)


def _line_discount(line: WantedLine) -> Money | None:
    if not isinstance(line.discount, Decimal):
        return line.discount
    with amounts_that_fit():
        return percent_off(_gross(line), line.discount)


def _priced(line: WantedLine, at: int) -> NewLine:
    try:
        service = get_service(line.service_id) if line.service_id else None
    except NotFound:
        raise Invalid(fields={f"lines.{at}.serviceId": _("There is no such service.")}) from None
    tax = _tax(line.tax_rate_id, at) if line.tax_rate_id else find_tax(service) if service else None
    description = line.description or (service.name if service else "")
    if not description:
        raise Invalid(fields={f"lines.{at}.description": _("Say what is sold.")})
    return NewLine(
        description=description,
        unit_price=line.unit_price,
        quantity=line.quantity,
        discount=_line_discount(line),
        tax=tax,
        service_id=service.id if service else None,
        code=service.code if service else "",
        hsn=service.hsn if service else "",
    )


def _tax(tax_rate_id: str, at: int) -> TaxRule:
    rate = db.session.scalar(select(TaxRate).where(TaxRate.id == tax_rate_id))
    if rate is None:
        raise Invalid(fields={f"lines.{at}.taxRateId": _("There is no such tax.")})
    return rule_of(rate)


def _as_written(line: Any) -> NewLine:
    components = tuple((item["label"], Decimal(item["percent"])) for item in line.tax_components)
    return NewLine(
        description=line.description,
        unit_price=line.unit_price,
        quantity=line.quantity,
        discount=line.discount,
        tax=TaxRule(line.tax_rate_id, "", components, line.hsn) if line.tax_rate_id else None,
        service_id=line.service_id,
        code=line.code,
        hsn=line.hsn,
    )


def _check_discounts(lines: Sequence[NewLine], discount: Money | None, reason: str) -> None:
    if lines:
        check_discounts(lines, discount, reason, lines[0].unit_price.currency)


def _check_due(due_on: date | None) -> None:
    """A bill that is entered late may be overdue already; one of long ago is a mistyped year."""
    if due_on is not None and due_on < clock.today(settings_in_scope().zone) - LONGEST_OVERDUE:
        raise Invalid(fields={"dueOn": _("This day has been over for more than a year. Please check the year.")})


def _visit_columns(appointment_id: str, patient_id: str) -> dict[str, Any]:
    visit = find_appointment(appointment_id)
    if visit is None or visit.patient_id != patient_id:
        raise Invalid(fields={"appointmentId": _("The patient has no such visit.")})
    lock_visit(visit.id)
    known = find_invoice_of_visit(visit.id)
    if known is not None:
        raise VisitInvoiced(_("This visit has an invoice already."), invoiceId=known.id)
    return {"appointment_id": visit.id, "doctor_id": visit.doctor_id, "location_id": visit.location_id}
