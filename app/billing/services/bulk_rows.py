"""The rows of a bulk run: one batch of visits or drafts to issued invoices, with few statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.billing.models import ApprovalKind, ApprovalStatus, BulkInvoiceItem, Invoice, InvoiceApproval, InvoiceStatus
from app.billing.services.covered import VisitCovered, covered_visits
from app.billing.services.invoices import new_draft, open_invoices
from app.billing.services.lines import NewLine
from app.billing.services.visits import visit_prices
from app.catalog.queries import NoPrice, VisitPrice
from app.core.errors import AppError
from app.core.tenant import db
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.queries import local_bounds

Failures = dict[str, str]


def uninvoiced_visits(first: date, last: date, limit: int) -> list[str]:
    """Completed visits of the clinic's dates without an invoice, or with a draft, that nothing else pays for."""
    since, until = local_bounds(first, last)
    issued = select(Invoice.appointment_id).where(
        Invoice.appointment_id == Appointment.id, Invoice.status.not_in((InvoiceStatus.VOID, InvoiceStatus.DRAFT))
    )
    wanted = select(Appointment.id).where(
        Appointment.status == AppointmentStatus.COMPLETED,
        Appointment.starts_at >= since,
        Appointment.starts_at < until,
        ~issued.exists(),
    )
    found = list(db.session.scalars(wanted.order_by(Appointment.starts_at, Appointment.id).limit(limit)))
    covered = covered_visits(found)
    return [visit_id for visit_id in found if visit_id not in covered]


def issue_visits(items: Sequence[BulkInvoiceItem]) -> Failures:
    """Invoices for visits, at the price list's price; why not, by item. A visit that has one meanwhile is done."""
    visits = {visit.id: visit for visit in _locked_visits([item.appointment_id for item in items])}
    invoices = {str(invoice.appointment_id): invoice for invoice in _invoices_of(list(visits))}
    undecided = _undecided([invoice.id for invoice in invoices.values()])
    covered = covered_visits(list(visits))
    prices = dict(visit_prices([visit for visit in visits.values() if visit.id not in invoices]))
    failures: Failures = {}
    drafted: list[Invoice] = []
    for item in items:
        visit = visits[str(item.appointment_id)]
        try:
            if visit.id not in invoices:
                _check_uncovered(visit, covered)
                invoices[visit.id] = _draft(visit, prices[visit])
                drafted.append(invoices[visit.id])
            elif invoices[visit.id].id in undecided:
                failures[item.id] = _("The discount of this draft is not approved.")
        except AppError as error:
            failures[item.id] = str(error.message)
    _open([invoice for invoice in invoices.values() if invoice.id not in undecided], drafted)
    for item in items:
        invoice = invoices.get(str(item.appointment_id))
        item.invoice_id = invoice.id if invoice is not None else None
    return failures


def issue_drafts(items: Sequence[BulkInvoiceItem]) -> Failures:
    """Open drafts; why not, by item. One that is open meanwhile is done."""
    invoice_ids = [str(item.invoice_id) for item in items]
    of_visits = select(Invoice.appointment_id).where(Invoice.id.in_(invoice_ids)).distinct()
    _locked_visits(list(db.session.scalars(of_visits)))
    invoices = {invoice.id: invoice for invoice in _locked_invoices(invoice_ids)}
    undecided = _undecided(invoice_ids)
    failures: Failures = {}
    for item in items:
        if item.invoice_id in undecided:
            failures[item.id] = _("The discount of this draft is not approved.")
        elif invoices[str(item.invoice_id)].status == InvoiceStatus.VOID:
            failures[item.id] = _("This draft was given up.")
    _open([invoice for invoice in invoices.values() if invoice.id not in undecided], ())
    return failures


def _open(invoices: Sequence[Invoice], drafted: Sequence[Invoice]) -> None:
    """Those that are drafts still."""
    opening = [invoice for invoice in invoices if invoice.status == InvoiceStatus.DRAFT]
    if opening:
        open_invoices(opening, drafted=drafted)


def _check_uncovered(visit: Appointment, covered: set[str]) -> None:
    if visit.id in covered:
        raise VisitCovered(_("A subscription pays for this visit; nothing is due."))


def _draft(visit: Appointment, price: VisitPrice | NoPrice) -> Invoice:
    """Raises NoPrice, Invalid."""
    if isinstance(price, NoPrice):
        raise price
    line = NewLine(price.name, price.unit_price, tax=price.tax, service_id=price.service_id, code=price.code)
    return new_draft(
        visit.patient_id,
        [line],
        appointment_id=visit.id,
        doctor_id=visit.doctor_id,
        location_id=visit.location_id,
    )


def _locked_visits(visit_ids: Sequence[str | None]) -> list[Appointment]:
    """By id, as everybody locks them."""
    wanted = select(Appointment).where(Appointment.id.in_([found for found in visit_ids if found]))
    locking = wanted.order_by(Appointment.id).with_for_update(of=Appointment, key_share=True)
    return list(db.session.scalars(locking.execution_options(populate_existing=True)))


def _invoices_of(visit_ids: Sequence[str]) -> list[Invoice]:
    counting = select(Invoice.id).where(Invoice.appointment_id.in_(visit_ids), Invoice.status != InvoiceStatus.VOID)
    return _locked_invoices(list(db.session.scalars(counting)))


def _locked_invoices(invoice_ids: Sequence[str]) -> list[Invoice]:
    if not invoice_ids:
        return []
    wanted = (
        select(Invoice).where(Invoice.id.in_(invoice_ids)).order_by(Invoice.id).options(selectinload(Invoice.lines))
    )
    locking = wanted.with_for_update(of=Invoice, key_share=True).execution_options(populate_existing=True)
    return list(db.session.scalars(locking))


def _undecided(invoice_ids: Sequence[str]) -> set[str]:
    """Drafts whose latest discount waits or was refused; see `discount_stands`."""
    wanted = (
        select(InvoiceApproval.invoice_id, InvoiceApproval.status)
        .where(
            InvoiceApproval.invoice_id.in_(invoice_ids),
            InvoiceApproval.kind == ApprovalKind.DISCOUNT,
            InvoiceApproval.status != ApprovalStatus.WITHDRAWN,
        )
        .order_by(InvoiceApproval.created_at, InvoiceApproval.id)
    )
    latest = {row.invoice_id: row.status for row in db.session.execute(wanted)}
    return {invoice_id for invoice_id, status in latest.items() if status != ApprovalStatus.APPROVED}
