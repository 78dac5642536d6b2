"""Patients' credit: deposits, what was paid too much, its use for invoices, and its way back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.models import CreditNote, Invoice, InvoiceAllocation
from app.billing.services import NoCredit, apply_credit, begin_payment_of_invoices, credit_balance
from app.core import clock
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.payments.models import Payment
from app.payments.services import apply_fact
from app.scheduling.models import Appointment
from tests.billing.conftest import Api
from tests.daytime import ZONE_NAME
from tests.factories.billing import collect, make_invoice, make_priced_visit, reload, rupees
from tests.factories.payments import make_fact, make_gateway_account, make_tender, reread
from tests.factories.people import make_patient

ApiAs = Callable[..., Api]


def books_balance() -> bool:
    return all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


def owed_since(days: int, amount: str, patient: Any) -> Invoice:
    return make_invoice(amount, patient=patient, due_on=clock.today(ZONE_NAME) - timedelta(days=days))


def test_a_deposit_is_credit_with_a_receipt_until_it_is_used(in_clinic: Any, api: ApiAs) -> None:
    desk, patient = api("RECEPTIONIST"), make_patient()
    body = {"patientId": patient.id, "amount": "500.00", "tender": "CASH"}
    status, taken = desk("POST", "/billing/deposits", body)
    assert (status, taken["receiptNumber"][:4], taken["balance"]) == (201, "RCT/", 500)
    assert (balance(AccountCode.CASH), credit_balance(patient.id)) == (rupees("500"), rupees("500"))
    old, new = owed_since(9, "300.00", patient), owed_since(2, "400.00", patient)
    status, used = desk("POST", f"/billing/credit/{patient.id}/apply", {})
    assert status == 200
    assert [(item["invoiceId"], item["amount"]) for item in used["applied"]] == [(old.id, 300), (new.id, 200)]
    assert (used["balance"], used["payments"]) == (0, [])
    assert (reload(old).status, reload(new).status) == ("PAID", "PARTIALLY_PAID")
    assert desk("POST", f"/billing/credit/{patient.id}/apply", {})[1]["error"]["code"] == "NO_CREDIT"
    assert balance(AccountCode.RECEIVABLE) == rupees("200") and books_balance()


def test_chosen_invoices_are_paid_in_the_order_of_the_choice(in_clinic: Any, api: ApiAs) -> None:
    patient, desk = make_patient(), api("RECEPTIONIST")
    make_tender(amount=rupees("500"), patient_id=patient.id)
    old, new = owed_since(9, "300.00", patient), owed_since(2, "400.00", patient)
    path = f"/billing/credit/{patient.id}/apply"
    status, used = desk("POST", path, {"invoiceIds": [new.id, old.id], "amount": "450.00"})
    assert [(item["invoiceId"], item["amount"]) for item in used["applied"]] == [(new.id, 400), (old.id, 50)]
    assert (status, used["balance"]) == (200, 50)
    stranger = make_invoice("10.00")
    assert desk("POST", path, {"invoiceIds": [stranger.id]})[0] == 422
    assert desk("POST", path, {"amount": "50.01"})[1]["error"]["code"] == "NO_CREDIT"


def test_credit_pays_for_a_visit_and_confirms_it(in_clinic: Any) -> None:
    visit = make_priced_visit("800.00")
    make_tender(amount=rupees("1000"), patient_id=visit.patient_id)
    from app.billing.services import invoice_for_visit

    with unit_of_work():
        invoice = invoice_for_visit(visit)
    with unit_of_work():
        apply_credit(visit.patient_id, [invoice.id])
    assert reload(invoice).status == "PAID"
    assert db.session.get_one(Appointment, visit.id).status == "CONFIRMED"
    assert credit_balance(visit.patient_id) == rupees("200")


def test_credit_goes_back_where_it_came_from(in_clinic: Any, api: ApiAs) -> None:
    patient, finance = make_patient(), api("FINANCE_BILLING")
    first, second = (make_tender(kind, rupees("100"), patient_id=patient.id) for kind in ("CASH", "BANK"))
    status, asked = finance("POST", f"/billing/credit/{patient.id}/refund", {"amount": "150.00", "reason": "Moves"})
    assert (status, [item["amount"] for item in asked["refunds"]]) == (201, [100, 50])
    assert asked["payments"] == [  # what waits to go back cannot be used meanwhile
        {**asked["payments"][0], "paymentId": first.id, "free": 50}
    ]
    with pytest.raises(NoCredit), unit_of_work():
        owed = make_invoice("500.00", patient=patient)
        apply_credit(patient.id, [owed.id], rupees("51"))
    for item in asked["refunds"]:
        assert api("CLINIC_ADMIN")("POST", f"/billing/refunds/{item['id']}/approve")[0] == 200
    assert credit_balance(patient.id) == rupees("50")
    assert (reread(first).refunded_minor, reread(second).refunded_minor) == (5000, 10000)
    assert db.session.scalars(select(CreditNote.id)).all() == [] and books_balance()


def test_one_desk_payment_settles_several_invoices(in_clinic: Any, api: ApiAs) -> None:
    patient, desk = make_patient(), api("RECEPTIONIST")
    one, two = make_invoice("300.00", patient=patient), make_invoice("400.00", patient=patient)
    parts = [{"invoiceId": one.id}, {"invoiceId": two.id, "amount": "150.00"}]
    status, taken = desk("POST", "/billing/payments", {"allocations": parts, "tender": "CASH", "amount": "500.00"})
    assert (status, taken["amount"], taken["receiptNumber"][:4]) == (201, 500, "RCT/")
    assert (reload(one).status, str(reload(two).amount_due)) == ("PAID", "250.00 INR")
    assert credit_balance(patient.id) == rupees("50")
    stranger = make_invoice("10.00")
    for wrong in (
        [{"invoiceId": two.id, "amount": "250.01"}],
        [{"invoiceId": one.id}],
        [{"invoiceId": two.id}, {"invoiceId": stranger.id}],
        [{"invoiceId": two.id, "amount": 20}, {"invoiceId": two.id, "amount": 30}],
    ):
        assert desk("POST", "/billing/payments", {"allocations": wrong, "tender": "CASH"})[0] == 422
    assert books_balance()


def test_a_gateway_asks_for_the_sum_that_the_client_showed(in_clinic: Any, api: ApiAs) -> None:
    make_gateway_account()
    patient, desk = make_patient(), api("RECEPTIONIST")
    parts = [{"invoiceId": make_invoice("300.00", patient=patient).id} for _ in range(2)]
    status, answer = desk("POST", "/billing/payments", {"allocations": parts, "amount": 500})
    assert (status, answer["error"]["code"], answer["error"]["due"]) == (422, "WRONG_AMOUNT", 600)
    assert db.session.scalars(select(Payment.id)).all() == []


def test_nothing_is_no_amount(in_clinic: Any, api: ApiAs) -> None:
    """Zero is refused as zero, not as more than what is there."""
    patient, finance, desk = make_patient(), api("FINANCE_BILLING"), api("RECEPTIONIST")
    invoice = make_invoice("100.00", patient=patient)
    paid = make_invoice("50.00", patient=patient)
    collect(paid)
    line = {"lineId": reload(invoice).lines[0].id, "amount": 0}
    credit_note, credit = f"/billing/invoices/{invoice.id}/credit", f"/billing/credit/{patient.id}"
    for path, body, field in (
        (credit_note, {"amount": 0}, "amount"),
        (credit_note, {"lines": [line]}, "lines.0.amount"),
        (f"{credit}/apply", {"amount": 0}, "amount"),
        (f"{credit}/refund", {"amount": 0}, "amount"),
    ):
        status, answer = finance("POST", path, {**body, "reason": "Goodwill"})
        assert (status, answer["error"]["fields"]) == (422, {field: "The amount must be above zero."})
    status, answer = desk("POST", "/billing/payments", {"allocations": [{"invoiceId": paid.id}], "tender": "CASH"})
    assert answer["error"]["fields"] == {"allocations.0.invoiceId": "Nothing is due."}


def test_one_gateway_payment_settles_several_invoices_when_its_money_is_there(in_clinic: Any) -> None:
    make_gateway_account()
    patient = make_patient()
    one, two = make_invoice("300.00", patient=patient), make_invoice("400.00", patient=patient)
    with unit_of_work():
        payment = begin_payment_of_invoices(patient.id, {two.id: None, one.id: rupees("100")})
        payment.order_id = "order_1"
    assert str(payment.amount) == "500.00 INR" and reload(two).status == "OPEN"
    for _ in range(2):
        with unit_of_work():
            apply_fact(payment.id, make_fact(payment))
    assert (reload(one).status, reload(two).status) == ("PARTIALLY_PAID", "PAID")
    assert credit_balance(patient.id) == rupees("0") and books_balance()


def test_a_refund_takes_the_money_off_the_invoices_the_last_one_first(in_clinic: Any, api: ApiAs) -> None:
    patient, finance = make_patient(), api("FINANCE_BILLING")
    one, two = make_invoice("300.00", patient=patient), make_invoice("400.00", patient=patient)
    parts = [{"invoiceId": one.id}, {"invoiceId": two.id}]
    taken = finance("POST", "/billing/payments", {"allocations": parts, "tender": "CASH", "amount": "750.00"})[1]
    refund = finance("POST", f"/billing/payments/{taken['id']}/refund", {"amount": "500.00", "reason": "Unhappy"})[1]
    if refund["status"] == "REQUESTED":
        assert api("CLINIC_ADMIN")("POST", f"/billing/refunds/{refund['id']}/approve")[0] == 200
    # 50 was credit, 400 settled the second invoice, 50 of the rest the first.
    notes = {note.invoice_id: str(note.total) for note in db.session.scalars(select(CreditNote))}
    assert notes == {two.id: "400.00 INR", one.id: "50.00 INR"}
    assert (str(reload(one).amount_paid), str(reload(two).amount_paid)) == ("250.00 INR", "0.00 INR")
    assert credit_balance(patient.id) == rupees("0") and not balance(AccountCode.RECEIVABLE)
    assert books_balance()


def test_twenty_at_once_use_credit_once(app: Any, clinic: Any) -> None:
    with tenant_scope(clinic.id):
        patient = make_patient()
        patient_id = patient.id
        make_tender(amount=rupees("500"), patient_id=patient_id)
        invoices = [make_invoice("100.00", patient=patient).id for _ in range(10)]

    def use(number: int) -> int:
        with app.app_context(), tenant_scope(clinic.id):
            try:
                with unit_of_work():
                    chosen = invoices[number % 10 :] + invoices[: number % 10]
                    return sum(item.amount.minor for item in apply_credit(patient_id, chosen, rupees("50")))
            except NoCredit:
                return 0

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(use, range(20))) == 50_000
    with tenant_scope(clinic.id):
        assert credit_balance(patient_id) == rupees("0")
        assert balance(AccountCode.RECEIVABLE, patient_id) == rupees("500")
        applied = sum(item.applied_minor for item in db.session.scalars(select(InvoiceAllocation)))
        assert applied == 50_000 and books_balance()


def test_a_patient_sees_their_own_credit_and_nobody_elses(in_clinic: Any, other_clinic: Any, api: ApiAs) -> None:
    mine, other = make_patient(), make_patient()
    make_tender(amount=rupees("75"), patient_id=mine.id)
    me = api("PATIENT", patient_id=mine.id)
    assert me("GET", f"/billing/credit/{mine.id}")[1]["balance"] == 75
    assert me("GET", f"/billing/credit/{other.id}")[0] == 404
    assert me("POST", f"/billing/credit/{mine.id}/apply", {})[0] == 403
    assert api("CLINIC_ADMIN", clinic_id=other_clinic.id)("GET", f"/billing/credit/{mine.id}")[0] == 404
    assert db.session.scalars(select(Payment.invoice_id)).all() == [None]
