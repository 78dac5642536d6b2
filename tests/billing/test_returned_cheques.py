"""A cheque that the bank gives back: what it paid is owed again, and every book says so."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.listeners import tell_of_returned_cheque
from app.billing.models import CreditNote, Invoice, PaymentPlan, Receipt
from app.billing.services import (
    apply_credit,
    approve_request,
    credit_balance,
    lock_invoice,
    make_payment_plan,
    request_write_off,
    take_deposit,
    void_invoice,
)
from app.billing.services.clearing import clear_tender
from app.billing.services.day_totals import day_totals, payments_out_of_step
from app.billing.services.files import receipt_pdf
from app.billing.services.returned_cheques import NotReturnable, NotReturned, return_cheque, undo_return
from app.billing.services.split_tender import Part, collect_split
from app.core import clock
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import Membership, Principal, acting_as
from app.core.tenant import db, require_clinic, tenant_scope
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.ledger.accounts import AccountCode
from app.ledger.models import JournalEntry
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.ledger.services import booking_day
from app.messaging.models import Message
from app.payments.errors import RefundTooLarge
from app.payments.events import PaymentReturned, PaymentReturnUndone, RefundFailed
from app.payments.models import Payment, Refund
from app.payments.services import approve_refund, request_refund
from tests.daytime import ZONE_NAME
from tests.factories.access import make_clinic
from tests.factories.billing import collect, make_invoice, reload, rupees
from tests.factories.payments import reread
from tests.factories.people import make_patient
from tests.pdf_reading import ReadPdf

NOTHING = rupees("0")


def somebody(role: str = "FINANCE_BILLING") -> Principal:
    member = Membership(require_clinic(), "Clinic", role)
    return Principal(new_id(), role.lower(), role, "-", (member,), member)


def by_cheque(invoice: Invoice, amount: str | None = None) -> Payment:
    return collect(invoice, amount, "CHEQUE", reference="Cheque 004711").payment


def come_back(payment: Payment, *, was_at_bank: bool = False, charge: Money | None = None) -> Refund:
    with acting_as(somebody()), unit_of_work():
        return return_cheque(payment.id, "Funds insufficient", was_at_bank=was_at_bank, charge=charge)


def undo(payment: Payment, *, keep_charge: bool = False) -> Payment:
    with acting_as(somebody()), unit_of_work():
        return undo_return(payment.id, "Cheque 004712 was meant", keep_charge=keep_charge)


def at_bank(amount: str) -> None:
    with unit_of_work():
        clear_tender("CHEQUE", rupees(amount), NOTHING, "", key=new_id())


def books_balance() -> bool:
    return all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


def test_what_it_paid_is_owed_again_and_nothing_is_credited(in_clinic: Any) -> None:
    invoice = make_invoice("1000.00")
    payment = by_cheque(invoice)
    refund = come_back(payment)
    assert (reload(invoice).status, reload(invoice).amount_due) == ("OPEN", rupees("1000"))
    assert (reread(payment).status, reread(payment).refundable) == ("REFUNDED", NOTHING)
    assert (refund.status, refund.external, refund.bank_reference) == ("SETTLED", True, "Cheque 004711")
    assert (balance(AccountCode.CHEQUE_CLEARING), balance(AccountCode.PATIENT_CREDIT)) == (NOTHING, NOTHING)
    assert (balance(AccountCode.RECEIVABLE), balance(AccountCode.REVENUE)) == (rupees("1000"), rupees("1000"))
    assert db.session.scalars(select(CreditNote.id)).all() == [] and books_balance()
    memos = db.session.scalars(select(JournalEntry.memo).where(JournalEntry.source_id == refund.id))
    assert memos.all() == ["Cheque 004711"]


def test_a_receipt_that_is_printed_again_says_so(in_clinic: Any) -> None:
    invoice = make_invoice("1000.00")
    with unit_of_work():
        parts = [Part("CASH", rupees("400")), Part("CHEQUE", rupees("600"), "Cheque 7")]
        taken = collect_split(invoice, parts)
    before = ReadPdf(receipt_pdf(taken.receipt)).text
    come_back(taken.payments[1])
    after = ReadPdf(receipt_pdf(taken.receipt)).text
    assert "Came back unpaid" not in before and "Amount due" not in before
    assert "Came back unpaid" in after and "− ₹ 600.00" in after.replace("\xa0", " ")
    assert re.search(r"Paid\s+₹\s400.00\s+Amount due\s+₹\s600.00", after.replace("\xa0", " "))


def test_the_bank_loses_what_had_arrived_there_and_its_charge(in_clinic: Any) -> None:
    payment = by_cheque(make_invoice("1000.00"))
    at_bank("1000")
    with pytest.raises(Invalid) as refused:
        come_back(payment)
    assert "was_at_bank" in (refused.value.fields or {})
    come_back(payment, was_at_bank=True, charge=rupees("118"))
    assert (balance(AccountCode.BANK), balance(AccountCode.GATEWAY_FEES)) == (-rupees("118"), rupees("118"))
    assert balance(AccountCode.CHEQUE_CLEARING) == NOTHING and books_balance()


def test_a_part_a_deposit_and_credit_that_was_used_are_taken_off_again(in_clinic: Any) -> None:
    patient = make_patient()
    part = make_invoice("900.00", patient=patient)
    first = by_cheque(part, "300")
    collect(part, "200")
    come_back(first)
    assert (reload(part).status, reload(part).amount_due) == ("PARTIALLY_PAID", rupees("700"))
    other = make_invoice("400.00", patient=patient, due_on=clock.today(ZONE_NAME) - timedelta(days=30))
    with unit_of_work():
        deposit, _receipt = take_deposit(patient.id, "CHEQUE", rupees("500"), "Cheque 9")
        apply_credit(patient.id, [other.id])
    assert (reload(other).status, credit_balance(patient.id)) == ("PAID", rupees("100"))
    come_back(deposit)
    assert (reload(other).status, credit_balance(patient.id)) == ("OPEN", NOTHING)
    assert balance(AccountCode.RECEIVABLE) == rupees("1100") and books_balance()


def test_a_payment_plan_asks_again_for_what_the_cheque_had_paid(in_clinic: Any) -> None:
    invoice = make_invoice("900.00")
    with unit_of_work():
        make_payment_plan(reload(invoice), 3)
    come_back(by_cheque(invoice, "900"))
    plan = db.session.scalars(select(PaymentPlan)).one()
    assert (plan.status, plan.outstanding) == ("ACTIVE", rupees("900"))


def test_a_debt_that_was_given_up_counts_again_with_what_came_back(in_clinic: Any) -> None:
    invoice = make_invoice("1000.00")
    payment = by_cheque(invoice, "600")
    with acting_as(somebody()), unit_of_work():
        approval = request_write_off(reload(invoice), "Moved away")
    with acting_as(somebody("CLINIC_ADMIN")), unit_of_work():
        approve_request(approval.id)
    come_back(payment)
    assert (reload(invoice).status, reload(invoice).amount_due) == ("OPEN", rupees("1000"))
    assert (balance(AccountCode.WRITE_OFF), balance(AccountCode.RECEIVABLE)) == (NOTHING, rupees("1000"))


def test_the_days_two_totals_agree_on_it(in_clinic: Any) -> None:
    kept, hand, bank = (by_cheque(make_invoice(amount)) for amount in ("100.00", "200.00", "400.00"))
    at_bank("400")
    come_back(hand)
    come_back(bank, was_at_bank=True)
    with unit_of_work():
        on = booking_day()
    totals = {line.channel: line for line in day_totals(on)}
    assert all(line.agrees for line in totals.values())
    assert (totals["CHEQUE"].net, totals["BANK"].given_back) == (rupees("500"), rupees("400"))
    assert payments_out_of_step(on) == [] and reread(kept).status == "COMPLETED"


@pytest.mark.parametrize("tender", ["CASH", "UPI", "CARD_TERMINAL", "BANK"])
def test_nothing_but_a_cheque_comes_back(in_clinic: Any, tender: str) -> None:
    payment = collect(make_invoice("100.00"), tender=tender).payment
    with pytest.raises(NotReturnable):
        come_back(payment)
    assert reread(payment).status == "COMPLETED"


@pytest.mark.parametrize("decided", [False, True])
def test_a_cheque_of_which_a_part_was_refunded_does_not(in_clinic: Any, decided: bool) -> None:
    payment = by_cheque(make_invoice("1000.00"))
    with acting_as(somebody()), unit_of_work():
        refund = request_refund(payment, rupees("1"), "Too much")
        if decided:
            approve_refund(refund)
    with pytest.raises(NotReturnable):
        come_back(payment)
    assert len(db.session.scalars(select(Refund.id)).all()) == 1


def test_ten_at_once_are_one_return_and_its_money_is_refunded_to_nobody(app: Any, in_clinic: Any) -> None:
    payment = by_cheque(make_invoice("1000.00"))
    clinic_id, payment_id, person = in_clinic.id, payment.id, somebody()
    db.session.rollback()

    def send(_click: int) -> str:
        with app.app_context(), tenant_scope(clinic_id), acting_as(person), unit_of_work():
            return return_cheque(payment_id, "Signature differs", was_at_bank=False, charge=rupees("50")).id

    with ThreadPoolExecutor(10) as pool:
        seen = set(pool.map(send, range(10)))
    assert db.session.scalars(select(Refund.id)).all() == list(seen)
    assert balance(AccountCode.GATEWAY_FEES) == rupees("50")
    with pytest.raises(RefundTooLarge), acting_as(person), unit_of_work():
        request_refund(reread(payment), None, "And in cash, please")


def test_the_desk_hears_of_it_and_the_patient_is_asked_once(in_clinic: Any) -> None:
    patient = make_patient(email="p@example.org", phone="+919812345678")
    invoice = make_invoice("1000.00", patient=patient)
    come_back(by_cheque(invoice))
    told = db.session.scalars(select(EventRecord).where(EventRecord.type == PaymentReturned.type)).one()
    for _time in range(2):
        with unit_of_work():
            tell_of_returned_cheque(PaymentReturned.model_validate(told.payload))
    asked = db.session.scalars(select(Message).where(Message.patient_id == patient.id)).all()
    assert {(message.channel, message.template) for message in asked} == {
        ("whatsapp", "invoice_due"),
        ("email", "invoice_due"),
    }
    assert len(asked) == 2 and all("/pay/" in message.variables["link"] for message in asked)


def test_finance_records_it_on_a_page_and_the_desk_may_not(in_clinic: Any, pages: Any) -> None:
    payment = by_cheque(make_invoice("1000.00"))
    path, record = f"/billing/returned-cheque/{payment.id}", f"/paymentview/show/{payment.id}"
    finance, desk = pages("FINANCE_BILLING"), pages("RECEPTIONIST")
    assert path not in desk.get(record).text and desk.get(path).status_code == 403
    assert desk.post(path, reason="x", was_at_bank="hand").status_code == 403
    assert path in finance.get(record).text and "Cheque 004711" in finance.get(path).text
    assert finance.post(path, reason="", was_at_bank="hand").status_code == 422
    assert finance.post(path, reason="Funds insufficient", was_at_bank="moon").status_code == 422
    wrong = finance.post(path, reason="Funds insufficient", was_at_bank="hand", charge="a lot")
    assert wrong.status_code == 422 and "no amount" in wrong.text
    typed = {"reason": "Funds insufficient", "was_at_bank": "hand", "charge": "118"}
    assert [finance.post(path, **typed).location for _click in range(2)] == [record, record]
    shown = finance.get(record).text
    assert "Funds insufficient" in shown and f'"{path}"' not in shown
    assert finance.get(path).status_code == 409
    refund = re.search(r"/refundview/show/([\w-]+)", shown)
    assert refund and "what it paid is owed again" in finance.get(refund[0]).text


def test_another_clinics_cheque_is_not_there(in_clinic: Any, api: Any) -> None:
    paths, finance = [], api("FINANCE_BILLING")
    for clinic_id in (in_clinic.id, make_clinic().id):
        with tenant_scope(clinic_id):
            paths.append(f"/billing/payments/{by_cheque(make_invoice('1000.00')).id}/cheque-returned")
    path, elsewhere = paths
    body = {"reason": "Funds insufficient"}
    assert finance("POST", elsewhere, body)[0] == 404
    assert api("RECEPTIONIST")("POST", path, body)[0] == 403
    for wrong in ({}, {"reason": ""}, {**body, "charge": -1}, {**body, "charge": "0.001"}, {**body, "wasAtBank": "?"}):
        assert finance("POST", path, wrong)[0] == 422, wrong
    status, answer = finance("POST", path, {**body, "charge": "118.00"})
    assert (status, answer["status"], answer["amount"]) == (201, "SETTLED", 1000)
    assert [(invoice["status"], invoice["due"]) for invoice in answer["invoices"]] == [("OPEN", 1000)]


def test_a_return_that_is_undone_leaves_the_books_as_they_were(in_clinic: Any) -> None:
    invoice = make_invoice("1000.00")
    payment = by_cheque(invoice)
    codes = list(AccountCode)
    before = [balance(code) for code in codes]
    refund = come_back(payment, charge=rupees("118"))
    undo(payment)
    assert (reload(invoice).status, reread(payment).status) == ("PAID", "COMPLETED")
    assert (reread(refund).status, reread(payment).refundable) == ("FAILED", rupees("1000"))
    assert [balance(code) for code in codes] == before and books_balance()
    types = set(db.session.scalars(select(EventRecord.type)))
    assert PaymentReturnUndone.type in types and RefundFailed.type not in types
    with unit_of_work():
        on = booking_day()
    assert all(line.agrees for line in day_totals(on)) and payments_out_of_step(on) == []


@pytest.mark.parametrize("keep", [False, True])
def test_its_money_is_where_it_was_and_the_charge_as_the_bank_says(in_clinic: Any, keep: bool) -> None:
    payment = by_cheque(make_invoice("1000.00"))
    at_bank("1000")
    come_back(payment, was_at_bank=True, charge=rupees("118"))
    undo(payment, keep_charge=keep)
    charged = rupees("118") if keep else NOTHING
    assert (balance(AccountCode.BANK), balance(AccountCode.GATEWAY_FEES)) == (rupees("1000") - charged, charged)
    assert balance(AccountCode.CHEQUE_CLEARING) == NOTHING and books_balance()


def test_what_was_paid_otherwise_since_is_not_paid_twice(in_clinic: Any) -> None:
    patient = make_patient()
    paid_again, void, owed = (make_invoice("300.00", patient=patient) for _ in range(3))
    with unit_of_work():
        deposit, _receipt = take_deposit(patient.id, "CHEQUE", rupees("900"), "Cheque 9")
        apply_credit(patient.id, [paid_again.id, void.id, owed.id])
    come_back(deposit)
    collect(reload(paid_again))
    with acting_as(somebody()), unit_of_work():
        void_invoice(lock_invoice(void.id), "Billed twice")
    undo(deposit)
    assert [reload(row).status for row in (paid_again, void, owed)] == ["PAID", "VOID", "PAID"]
    assert (credit_balance(patient.id), balance(AccountCode.RECEIVABLE)) == (rupees("600"), NOTHING)


def test_it_is_undone_once_and_may_come_back_again(in_clinic: Any) -> None:
    invoice = make_invoice("1000.00")
    payment = by_cheque(invoice)
    with pytest.raises(NotReturned):
        undo(payment)
    first = come_back(payment)
    with pytest.raises(Invalid), acting_as(somebody()), unit_of_work():
        undo_return(payment.id, "  ")
    assert undo(payment).id == undo(payment).id
    second = come_back(payment)
    assert first.id != second.id and [row.came_back for row in reread(payment).refunds] == [False, True]
    assert (reload(invoice).status, balance(AccountCode.CHEQUE_CLEARING)) == ("OPEN", NOTHING)
    undo(payment)
    assert reload(invoice).status == "PAID" and books_balance()
    taken = db.session.scalars(select(Receipt)).one()
    assert "Came back unpaid" not in ReadPdf(receipt_pdf(taken)).text


def test_screens_and_answers_say_that_it_was_returned_and_not_refunded(in_clinic: Any, pages: Any, api: Any) -> None:
    payment = by_cheque(make_invoice("1000.00"))
    finance, desk, call = pages("FINANCE_BILLING"), pages("RECEPTIONIST"), api("FINANCE_BILLING")
    record, path = f"/paymentview/show/{payment.id}", f"/billing/returned-cheque/{payment.id}/undo"
    assert finance.get(path).status_code == 409
    come_back(payment)
    answer = call("GET", f"/billing/payments/{payment.id}")[1]
    assert (answer["status"], answer["failureCode"]) == ("REFUNDED", "CHEQUE_RETURNED")
    for page in (record, "/paymentview/list/", "/refundview/list/"):
        assert '<span class="pill bad">Cheque returned</span>' in finance.get(page).text, page
    assert payment.shown_status == "CHEQUE_RETURNED" and not payment.paid_back  # the column "Refunded"
    assert path in finance.get(record).text and path not in desk.get(record).text
    assert desk.post(path, reason="x", charge="back").status_code == 403
    assert finance.post(path, reason="", charge="back").status_code == 422
    form = finance.get(path).text
    assert "<title>Undo the return ·" in form and "Cheque came back" not in form
    typed = {"reason": "Cheque 004712 was meant", "charge": "back"}
    assert [finance.post(path, **typed).location for _click in range(2)] == [record, record]
    shown = finance.get(record).text
    assert "Cheque 004712 was meant" in shown and '<span class="pill ok">Completed</span>' in shown
    refund = re.search(r"/refundview/show/([\w-]+)", shown)
    told = finance.get(refund[0]).text if refund else ""
    assert "Return undone" in told and "Refund again" not in told
    assert call("GET", f"/billing/payments/{payment.id}")[1]["failureCode"] is None
