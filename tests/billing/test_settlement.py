"""Money in, money out: what captures and refunds do to invoices, visits and the books."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.billing.models import CreditNote, Invoice, Receipt
from app.billing.services import (
    AboveInvoice,
    AlreadyPaid,
    NotPayable,
    credit_invoice,
    invoice_for_visit,
    lock_invoice,
    take_payment,
)
from app.core.errors import Invalid
from app.core.principal import Membership, Principal, acting_as
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.payments.gateways.base import RefundState
from app.payments.models import Payment
from app.payments.services import apply_fact, apply_refund_fact, approve_refund, record_tender, request_refund
from app.scheduling.models import Appointment
from app.scheduling.services import cancel_appointment
from tests.factories.access import make_user
from tests.factories.billing import collect, make_invoice, make_priced_visit, reload, rupees
from tests.factories.payments import make_fact, make_gateway_account, make_payment, make_refund_fact


def refund(payment: Payment, amount: str, clinic: Any) -> None:
    """Asked for, approved and paid out at the desk."""
    user = make_user()
    membership = Membership(clinic.id, clinic.name, "FINANCE_BILLING")
    principal = Principal(user.id, user.username, user.name, "s", (membership,), membership)
    with acting_as(principal), unit_of_work():
        approve_refund(request_refund(payment, rupees(amount), "Came too late"))


def books_balance() -> bool:
    return all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


def events(kind: str) -> list[EventRecord]:
    return list(db.session.scalars(select(EventRecord).where(EventRecord.type == kind).order_by(EventRecord.id)))


def test_cash_for_a_visit_pays_its_invoice_and_confirms_it(in_clinic: Any) -> None:
    visit = make_priced_visit("800.00", percent="18")
    taken = collect(visit)
    invoice = reload(taken.invoice)
    assert (invoice.status, str(invoice.total), str(invoice.amount_due)) == ("PAID", "944.00 INR", "0.00 INR")
    assert invoice.number is not None and invoice.number.startswith("INV/")
    assert db.session.get_one(Appointment, visit.id).status == "CONFIRMED"
    assert taken.receipt.number.startswith("RCT/")
    assert [line.tax_components for line in invoice.lines] == [
        [{"label": "CGST", "percent": "9", "minor": 7200}, {"label": "SGST", "percent": "9", "minor": 7200}]
    ]
    assert balance(AccountCode.CASH) == rupees("944.00")
    assert balance(AccountCode.REVENUE) == rupees("800.00")
    assert balance(AccountCode.TAX_PAYABLE) == rupees("144.00")
    assert not balance(AccountCode.RECEIVABLE) and not balance(AccountCode.PATIENT_CREDIT)
    assert books_balance()


def test_a_payment_taken_twice_counts_once(in_clinic: Any) -> None:
    taken = collect(make_priced_visit())
    with unit_of_work():
        take_payment(db.session.get_one(Payment, taken.payment.id))
    assert str(reload(taken.invoice).amount_paid) == "800.00 INR"
    assert db.session.scalars(select(Receipt.number)).all() == [taken.receipt.number]
    assert len(events("billing.invoice.paid")) == 1


def test_parts_pay_an_invoice_in_the_end(in_clinic: Any) -> None:
    invoice = make_invoice("500.00")
    collect(invoice, "200.00")
    assert (reload(invoice).status, str(reload(invoice).amount_due)) == ("PARTIALLY_PAID", "300.00 INR")
    collect(invoice, "300.00", "UPI", reference="UPI-1")
    assert reload(invoice).status == "PAID"
    with pytest.raises(AlreadyPaid):
        collect(invoice)


@pytest.mark.parametrize("amount", ["0", "500.01", "-1"])
def test_the_desk_takes_no_more_than_is_due(in_clinic: Any, amount: str) -> None:
    invoice = make_invoice("500.00")
    with pytest.raises(Invalid):
        collect(invoice, amount)
    assert reload(invoice).status == "OPEN"


def test_a_part_refund_is_credited_and_the_invoice_stays_paid(in_clinic: Any) -> None:
    taken = collect(make_priced_visit("800.00", percent="18"))
    refund(taken.payment, "300.00", in_clinic)
    invoice = reload(taken.invoice)
    (note,) = db.session.scalars(select(CreditNote))
    assert (note.number[:3], str(note.total), str(note.tax), note.reason) == (
        "CN/", "300.00 INR", "45.76 INR", "Came too late",
    )  # fmt: skip
    assert (invoice.status, str(invoice.amount_paid), str(invoice.credited)) == ("PAID", "644.00 INR", "300.00 INR")
    assert not balance(AccountCode.RECEIVABLE) and not balance(AccountCode.PATIENT_CREDIT)
    assert balance(AccountCode.CASH) == rupees("644.00")
    assert books_balance()


def test_credit_notes_take_back_exactly_the_invoices_tax(in_clinic: Any) -> None:
    taken = collect(make_priced_visit("333.33", percent="18"))
    for amount in ("100.00", "100.01", "193.32"):
        refund(taken.payment, amount, in_clinic)
    invoice = reload(taken.invoice)
    notes = db.session.scalars(select(CreditNote)).all()
    assert sum(note.tax_minor for note in notes) == invoice.tax_minor
    assert sum(note.total_minor for note in notes) == invoice.total_minor
    assert not balance(AccountCode.REVENUE) and not balance(AccountCode.TAX_PAYABLE)


def test_an_unpaid_invoice_can_be_credited_and_a_paid_one_only_by_refund(in_clinic: Any) -> None:
    unpaid, paid = make_invoice("500.00"), make_invoice("500.00")
    with unit_of_work():
        credit_invoice(lock_invoice(unpaid.id), rupees("500.00"), "Goodwill")
    assert reload(unpaid).status == "PAID"
    collect(paid)
    with pytest.raises(AboveInvoice), unit_of_work():
        credit_invoice(lock_invoice(paid.id), rupees("0.01"), "Goodwill")


def test_money_beyond_what_is_due_is_credit_and_goes_back_first(in_clinic: Any) -> None:
    """Paid twice: the refund of the second payment's rest corrects no invoice."""
    invoice = make_invoice("500.00")
    with unit_of_work():
        payment = record_tender("UPI", rupees("700.00"), patient_id=invoice.patient_id, invoice_id=invoice.id)
    assert balance(AccountCode.PATIENT_CREDIT) == rupees("200.00")
    (event,) = events("billing.payment.left_over")
    assert event.payload is not None and event.payload["amountMinor"] == 20000
    refund(payment, "200.00", in_clinic)
    assert db.session.scalars(select(CreditNote.id)).all() == []
    refund(payment, "100.00", in_clinic)
    assert [str(note.total) for note in db.session.scalars(select(CreditNote))] == ["100.00 INR"]
    assert (reload(invoice).status, str(reload(invoice).amount_paid)) == ("PAID", "400.00 INR")
    assert not balance(AccountCode.PATIENT_CREDIT) and not balance(AccountCode.RECEIVABLE)


def test_a_refund_that_comes_back_is_credit_and_is_credited_once(in_clinic: Any) -> None:
    make_gateway_account()
    invoice = make_invoice("500.00")
    payment = make_payment(rupees("500.00"), patient_id=invoice.patient_id, invoice_id=invoice.id, order_id="order_1")
    with unit_of_work():
        apply_fact(payment.id, make_fact(payment))
    for state in (RefundState.SETTLED, RefundState.FAILED):
        with unit_of_work():
            apply_refund_fact(payment.id, make_refund_fact(rupees("200.00"), state, refund_id="rfnd_1"))
    assert balance(AccountCode.PATIENT_CREDIT) == rupees("200.00")
    assert len(events("payment.refund.failed")) == 1
    with unit_of_work():
        apply_refund_fact(payment.id, make_refund_fact(rupees("200.00"), refund_id="rfnd_2"))
    assert [str(note.total) for note in db.session.scalars(select(CreditNote))] == ["200.00 INR"]
    assert not balance(AccountCode.PATIENT_CREDIT) and not balance(AccountCode.RECEIVABLE)
    assert books_balance()


def test_cancelling_an_unpaid_visit_voids_what_it_owed(in_clinic: Any) -> None:
    visit = make_priced_visit()
    with unit_of_work():
        invoice = invoice_for_visit(visit)
    with unit_of_work():
        cancel_appointment(db.session.get_one(Appointment, visit.id), "PATIENT_REQUEST")
    assert (reload(invoice).status, reload(invoice).number) == ("VOID", None)
    with pytest.raises(NotPayable):
        collect(visit)


def test_cancelling_a_paid_visit_leaves_the_money_to_a_person(in_clinic: Any) -> None:
    visit = make_priced_visit()
    taken = collect(visit)
    with unit_of_work():
        cancel_appointment(db.session.get_one(Appointment, visit.id), "PATIENT_REQUEST")
    assert reload(taken.invoice).status == "PAID"
    (event,) = events("billing.appointment.cancelled")
    assert (event.payload["appointmentId"], event.payload["invoiceId"]) == (visit.id, taken.invoice.id)
    assert event.payload["subscriptionId"] is None


def test_a_visit_has_one_invoice(in_clinic: Any) -> None:
    visit = make_priced_visit()
    ids = set()
    for _ in range(2):
        with unit_of_work():
            ids.add(invoice_for_visit(visit).id)
    assert len(ids) == 1
    assert len(db.session.scalars(select(Invoice.id)).all()) == 1
