"""Paying for a visit: what the endpoint answers, what it refuses, and that a failing gateway loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.models import Invoice
from app.billing.services import open_invoice
from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.payments.models import Payment
from app.scheduling.models import Appointment
from app.scheduling.services import cancel_appointment
from app.tenancy.models import Clinic
from app.tenancy.services import update_clinic
from tests.billing.conftest import Api
from tests.factories.billing import collect, make_invoice, make_priced_doctor, make_priced_visit, reload
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, tomorrow
from tests.sandbox_server import RunningSandbox

ApiAs = Callable[..., Api]


def pay(caller: Api, visit: Appointment | str, body: Any = None, **options: Any) -> tuple[int, Any]:
    visit_id = visit if isinstance(visit, str) else visit.id
    return caller("POST", f"/billing/appointments/{visit_id}/process-payment", body or {}, **options)


def payments() -> list[Payment]:
    db.session.rollback()
    return list(db.session.scalars(select(Payment).order_by(Payment.id)))


def test_the_answer_has_the_documented_shape(sandbox: RunningSandbox, api: ApiAs) -> None:
    visit = make_priced_visit("800.00")
    status, begun = pay(
        api("RECEPTIONIST"), visit, {"provider": "razorpay", "amount": 800, "appointmentType": "IN_PERSON"}
    )
    assert status == 201
    assert begun["status"] == "PENDING" and begun["provider"] == "razorpay" and begun["orderId"].startswith("order_")
    assert (begun["amount"], begun["currency"]) == (800, "INR")
    assert "/pay/checkout/" in begun["checkoutUrl"]
    (payment,) = payments()
    assert (payment.id, payment.invoice_id, payment.appointment_id) == (
        begun["paymentId"],
        begun["invoiceId"],
        visit.id,
    )
    assert db.session.get_one(Invoice, begun["invoiceId"]).status == "DRAFT"


def test_asking_again_gives_the_same_payment(sandbox: RunningSandbox, api: ApiAs) -> None:
    visit, desk = make_priced_visit(), api("RECEPTIONIST")
    first, second = pay(desk, visit)[1], pay(desk, visit)[1]
    assert (first["paymentId"], first["orderId"]) == (second["paymentId"], second["orderId"])
    assert sandbox.call_counts("razorpay") == {"create_order": 1}
    assert len(payments()) == 1


def test_the_same_key_gives_the_first_answer_again(sandbox: RunningSandbox, api: ApiAs) -> None:
    visit, desk, key = make_priced_visit(), api("RECEPTIONIST"), {"Idempotency-Key": "one"}
    assert pay(desk, visit, headers=key) == pay(desk, visit, headers=key)
    status, answer = pay(desk, visit, {"amount": 1}, headers=key)
    assert (status, answer["error"]["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": 799}, "amount"),
        ({"amount": 800.001}, "amount"),
        ({"amount": -800}, "amount"),
        ({"amount": 0}, "amount"),
        ({"amount": "1e999"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": "eight"}, "amount"),
        ({"amount": 800, "currency": "USD"}, "currency"),
        ({"currency": "XXX"}, "currency"),
        ({"appointmentType": "VIDEO_CALL"}, "appointmentType"),
        ({"appointmentType": "DANCE"}, "appointmentType"),
        ({"provider": "paypal"}, "provider"),
        ({"provider": ""}, "provider"),
        ({"provider": "x" * 31}, "provider"),
    ],
)
def test_bad_input_is_told_and_changes_nothing(in_clinic: Any, api: ApiAs, body: Any, field: str) -> None:
    visit = make_priced_visit("800.00")
    status, answer = pay(api("RECEPTIONIST"), visit, body)
    assert status == 422, answer
    assert list(answer["error"]["fields"]) == [field]
    assert payments() == []
    assert db.session.scalars(select(Invoice.id)).all() == []


def test_a_clinic_without_a_gateway_says_so(in_clinic: Any, api: ApiAs) -> None:
    status, answer = pay(api("RECEPTIONIST"), make_priced_visit())
    assert (status, answer["error"]["code"]) == (422, "NO_GATEWAY")


def test_a_visit_without_a_price_says_so(sandbox: RunningSandbox, api: ApiAs) -> None:
    status, answer = pay(api("RECEPTIONIST"), make_appointment())
    assert (status, answer["error"]["code"]) == (409, "NO_PRICE")


def test_a_free_visit_has_nothing_to_pay(sandbox: RunningSandbox, api: ApiAs) -> None:
    status, answer = pay(api("RECEPTIONIST"), make_priced_visit("0"))
    assert (status, answer["error"]["code"]) == (409, "ALREADY_PAID")


def test_a_paid_visit_is_paid(in_clinic: Any, api: ApiAs) -> None:
    visit = make_priced_visit()
    collect(visit)
    status, answer = pay(api("RECEPTIONIST"), visit)
    assert (status, answer["error"]["code"]) == (409, "ALREADY_PAID")


def test_a_visit_that_was_called_off_takes_no_money(in_clinic: Any, api: ApiAs) -> None:
    visit = make_priced_visit()
    with unit_of_work():
        cancel_appointment(db.session.get_one(Appointment, visit.id), "PATIENT_REQUEST")
    status, answer = pay(api("RECEPTIONIST"), visit)
    assert (status, answer["error"]["code"]) == (409, "NOT_PAYABLE")


def test_a_visit_that_waits_for_approval_takes_no_money(clinic: Any, api: ApiAs) -> None:
    with tenant_scope(clinic.id):
        with unit_of_work():
            update_clinic(db.session.get_one(Clinic, clinic.id), {"approval_required": True})
        patient_id, doctor_id = make_patient().id, make_priced_doctor().id
    caller = api("PATIENT", patient_id=patient_id)
    body = {"doctorId": doctor_id, "type": "VIDEO_CALL", "startsAt": local(tomorrow()).isoformat()}
    status, visit = caller("POST", "/appointments", body)
    assert (status, visit["status"]) == (201, "REQUESTED")
    status, answer = pay(caller, visit["id"])
    assert (status, answer["error"]["code"]) == (409, "NOT_PAYABLE")


def test_a_patient_pays_for_their_own_visits_only(sandbox: RunningSandbox, api: ApiAs) -> None:
    visit = make_priced_visit()
    assert pay(api("PATIENT", patient_id=visit.patient_id), visit)[0] == 201
    assert pay(api("PATIENT", patient_id=make_patient().id), visit)[0] == 404
    assert pay(api("PATIENT"), visit)[0] == 404


def test_another_clinics_visit_does_not_exist(clinic: Any, other_clinic: Any, api: ApiAs) -> None:
    with tenant_scope(other_clinic.id):
        visit_id = make_priced_visit().id
    assert pay(api("CLINIC_ADMIN"), visit_id)[0] == 404
    assert pay(api("CLINIC_ADMIN"), new_id())[0] == 404


@pytest.mark.parametrize("role", ["DOCTOR", "NURSE", "ACCOUNTANT", "SYSTEM_AUDITOR", "PHARMACIST", "LOCATION_HEAD"])
def test_other_roles_may_not(in_clinic: Any, api: ApiAs, role: str) -> None:
    assert pay(api(role), make_priced_visit())[0] == 403


@pytest.mark.parametrize("fault", ["500", "reset", "malformed", "429"])
def test_a_failing_gateway_is_told_and_the_next_try_works(sandbox: RunningSandbox, api: ApiAs, fault: str) -> None:
    visit, desk = make_priced_visit(), api("RECEPTIONIST")
    sandbox.fault("razorpay", fault, count=1)
    status, answer = pay(desk, visit, headers={"Idempotency-Key": "same"})
    assert (status, answer["error"]["code"]) == (502, "GATEWAY_UNAVAILABLE")
    assert "try again" in answer["error"]["message"]
    status, begun = pay(desk, visit, headers={"Idempotency-Key": "same"})
    assert (status, begun["status"]) == (201, "PENDING")
    assert [payment.id for payment in payments()] == [begun["paymentId"]]
    assert len(db.session.scalars(select(Invoice.id)).all()) == 1


def test_an_invoice_is_paid_by_its_own_endpoint(sandbox: RunningSandbox, api: ApiAs) -> None:
    invoice = make_invoice("120.50")
    status, begun = api("PATIENT", patient_id=invoice.patient_id)("POST", f"/billing/invoices/{invoice.id}/pay", {})
    assert (status, begun["amount"], begun["invoiceId"], begun["appointmentId"]) == (201, 120.5, invoice.id, None)
    assert api("PATIENT", patient_id=make_patient().id)("POST", f"/billing/invoices/{invoice.id}/pay", {})[0] == 404
    status, answer = api("RECEPTIONIST")("POST", f"/billing/invoices/{invoice.id}/pay", {"amount": 120})
    assert (status, answer["error"]["code"]) == (422, "WRONG_AMOUNT")


def test_a_payment_is_made_for_an_invoice_or_a_visit(sandbox: RunningSandbox, api: ApiAs) -> None:
    invoice, visit, desk = make_invoice("120.50"), make_priced_visit("800.00"), api("RECEPTIONIST")
    status, begun = desk("POST", "/billing/payments", {"invoiceId": invoice.id})
    assert (status, begun["status"], begun["amount"]) == (201, "PENDING", 120.5)
    status, taken = desk("POST", "/billing/payments", {"appointmentId": visit.id, "method": "CASH", "amount": 300})
    assert (status, taken["status"], taken["amount"], taken["receiptNumber"][:4]) == (201, "COMPLETED", 300, "RCT/")
    status, rest = desk("POST", "/billing/payments", {"appointmentId": visit.id, "amount": 500})
    assert (status, rest["invoiceId"]) == (201, taken["invoiceId"])
    for body in ({}, {"invoiceId": invoice.id, "appointmentId": visit.id}, {"invoiceId": "x"}):
        assert desk("POST", "/billing/payments", body)[0] == 422, body
    assert desk("POST", "/billing/payments", {"appointmentId": visit.id, "method": "CASH", "amount": 500.01})[0] == 422
    assert desk("POST", "/billing/payments", {"invoiceId": new_id()})[0] == 404
    patient = api("PATIENT", patient_id=invoice.patient_id)
    assert patient("POST", "/billing/payments", {"invoiceId": invoice.id})[0] == 201
    assert patient("POST", "/billing/payments", {"invoiceId": invoice.id, "method": "CASH"})[0] == 403
    assert patient("POST", "/billing/payments", {"appointmentId": visit.id})[0] == 404


def test_a_draft_of_a_cancelled_visit_cannot_be_paid_either(sandbox: RunningSandbox, api: ApiAs) -> None:
    visit, desk = make_priced_visit(), api("RECEPTIONIST")
    begun = pay(desk, visit)[1]
    with unit_of_work():
        cancel_appointment(db.session.get_one(Appointment, visit.id), "UNPAID")
    assert reload(db.session.get_one(Invoice, begun["invoiceId"])).status == "DRAFT"
    status, answer = desk("POST", f"/billing/invoices/{begun['invoiceId']}/pay", {})
    assert (status, answer["error"]["code"]) == (409, "NOT_PAYABLE")


def test_a_changed_draft_is_paid_by_a_new_payment(sandbox: RunningSandbox, api: ApiAs) -> None:
    visit, desk = make_priced_visit("800.00"), api("RECEPTIONIST")
    first = pay(desk, visit)[1]
    changes = {"discount": 80}
    status, changed = desk("PUT", f"/billing/invoices/{first['invoiceId']}", changes)
    assert (status, changed["total"]) == (200, 720)
    second = pay(desk, visit)[1]
    assert (second["amount"], second["invoiceId"]) == (720, first["invoiceId"])
    assert second["paymentId"] != first["paymentId"]
    with unit_of_work():
        open_invoice(reload(db.session.get_one(Invoice, first["invoiceId"])))
    assert desk("PUT", f"/billing/invoices/{first['invoiceId']}", changes)[0] == 409
