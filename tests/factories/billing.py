"""Priced visits, invoices and payments, committed to the clinic in scope."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from app.billing.models import Invoice
from app.billing.services import Collected, NewLine, collect_at_desk, draft_invoice, lock_invoice, open_invoice
from app.core.money import Money
from app.core.transaction import unit_of_work
from app.people.models import Doctor, Patient
from app.scheduling.models import Appointment
from tests.factories.catalog import make_price, make_service, make_tax
from tests.factories.commits import one_commit
from tests.factories.people import make_patient
from tests.factories.scheduling import make_appointment, make_open_doctor


def make_priced_doctor(amount: str = "800.00", *, percent: str | None = None, **overrides: Any) -> Doctor:
    """A doctor whose visits cost `amount`, with GST of `percent` on top."""
    with one_commit():
        doctor = make_open_doctor(**{"types": ["IN_PERSON", "VIDEO_CALL"], **overrides})
        tax = make_tax(percent=Decimal(percent)) if percent else None
        service = make_service(name="Consultation", tax_rate_id=tax.id if tax else None)
        make_price(service, amount, doctor_id=doctor.id)
    return doctor


def make_priced_visit(amount: str = "800.00", *, percent: str | None = None, **overrides: Any) -> Appointment:
    """A visit with such a doctor."""
    return make_appointment(make_priced_doctor(amount, percent=percent), **overrides)


def make_invoice(
    *amounts: str,
    patient: Patient | None = None,
    opened: bool = True,
    lines: list[NewLine] | None = None,
    **columns: Any,
) -> Invoice:
    """An open invoice with a line per amount in rupees; `opened=False` leaves the draft."""
    wanted = lines or [NewLine(f"Item {at}", rupees(amount)) for at, amount in enumerate(amounts or ("500.00",), 1)]
    with one_commit():
        patient_id = (patient or make_patient()).id
        invoice = draft_invoice(patient_id, wanted, **columns)
        if opened:
            open_invoice(invoice)
    return invoice


def collect(
    target: Appointment | Invoice, amount: str | None = None, tender: str = "CASH", **options: Any
) -> Collected:
    """Money at the desk."""
    with unit_of_work():
        return collect_at_desk(target, tender, rupees(amount) if amount else None, **options)


def reload(invoice: Invoice) -> Invoice:
    """The invoice as it is stored now."""
    with unit_of_work():
        return lock_invoice(invoice.id)


def rupees(amount: str) -> Money:
    return Money.parse(amount, "INR")
