"""Attempts to get money, or to see it, by ways that nobody meant."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest

from app.billing.models import PayLink
from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.payments.models import Payment, Refund
from app.payments.services import request_refund
from tests.factories.billing import collect, make_invoice, make_priced_visit, reload, rupees
from tests.factories.payments import make_tender, reread
from tests.factories.people import make_patient

pytestmark = pytest.mark.usefixtures("in_clinic")

BAD_AMOUNTS = ["-1", "0", "0.001", "1e30", "99999999999999999999", "NaN", "Infinity", "1,00", "０", True, [], {"a": 1}]


@pytest.fixture
def waiting(acting: Callable[..., Any]) -> Refund:
    with acting("RECEPTIONIST"), unit_of_work():
        return request_refund(make_tender(), rupees("100"), "too long a wait")


# --- roles


def test_a_patient_pays_and_refunds_nothing_of_somebody_else(caller: Callable[..., Any]) -> None:
    visit = make_priced_visit()
    theirs, taken = make_invoice(), make_tender()
    patient = caller("PATIENT", patient_id=make_patient().id)
    assert patient.post(f"/billing/invoices/{theirs.id}/pay", json={}).status_code == 404
    assert patient.post("/billing/payments", json={"invoiceId": theirs.id}).status_code == 404
    assert patient.post("/billing/payments", json={"appointmentId": visit.id}).status_code == 404
    assert patient.post(f"/billing/appointments/{visit.id}/process-payment", json={}).status_code == 404
    parts = [{"invoiceId": theirs.id}]
    assert patient.post("/billing/payments", json={"allocations": parts}).status_code == 404
    assert patient.post("/billing/payments/callback", json={"paymentId": taken.id}).status_code == 404
    for path in ("refund", "capture", "void"):
        assert patient.post(f"/billing/payments/{taken.id}/{path}", json={"reason": "x"}).status_code == 403
    assert reload(theirs).status == "OPEN" and reread(taken).refunds == []


def test_a_patient_takes_no_money_at_the_desk_for_their_own_invoice(caller: Callable[..., Any]) -> None:
    invoice = make_invoice()
    patient = caller("PATIENT", patient_id=invoice.patient_id)
    for body in ({"invoiceId": invoice.id}, {"allocations": [{"invoiceId": invoice.id}]}):
        assert patient.post("/billing/payments", json={**body, "tender": "CASH"}).status_code == 403
    deposit = {"patientId": invoice.patient_id, "amount": "1", "tender": "CASH"}
    assert patient.post("/billing/deposits", json=deposit).status_code == 403
    assert reload(invoice).status == "OPEN"


@pytest.mark.parametrize("role", ["RECEPTIONIST", "PATIENT", "DOCTOR", "ACCOUNTANT", "LOCATION_HEAD", "SYSTEM_AUDITOR"])
def test_roles_that_decide_nothing_about_refunds(caller: Callable[..., Any], waiting: Refund, role: str) -> None:
    someone = caller(role)
    for verdict in ("approve", "reject"):
        assert someone.post(f"/billing/refunds/{waiting.id}/{verdict}", json={}).status_code == 403
    assert reread(waiting).status == "REQUESTED"


def test_a_request_to_another_instrument_is_not_approved_by_who_made_it_whatever_the_way(
    caller: Callable[..., Any], visitor: Callable[..., Any]
) -> None:
    taken = make_tender("UPI")
    finance = caller("FINANCE_BILLING")
    body = {"amount": "100", "reason": "no UPI any more", "destination": "CASH"}
    asked = finance.post(f"/billing/payments/{taken.id}/refund", json=body)
    assert (asked.status_code, asked.json["status"]) == (201, "REQUESTED")
    path = f"/billing/refunds/{asked.json['id']}/approve"
    assert finance.post(path, json={}).status_code == 403
    again = finance.post(f"/billing/payments/{taken.id}/refund", json=body, headers={"Idempotency-Key": "k1"})
    assert again.json["status"] == "REQUESTED"
    assert caller("CLINIC_ADMIN").post(path, json={}).json["status"] == "SETTLED"


def test_a_write_off_is_not_approved_by_who_asked_for_it(caller: Callable[..., Any]) -> None:
    invoice = make_invoice()
    finance = caller("FINANCE_BILLING")
    asked = finance.post(f"/billing/invoices/{invoice.id}/write-off", json={"reason": "gone"})
    for verdict in ("approve", "reject"):
        assert finance.post(f"/billing/approvals/{asked.json['id']}/{verdict}", json={}).status_code == 403
    assert reload(invoice).status == "OPEN"


@pytest.mark.parametrize("role", ["RECEPTIONIST", "PATIENT", "DOCTOR", "LOCATION_HEAD"])
def test_reconciliation_and_bulk_runs_are_closed_to_others(caller: Callable[..., Any], role: str) -> None:
    someone, row = caller(role), new_id()
    for method, path in (
        ("get", "/billing/bulk-invoices"),
        ("post", "/billing/bulk-invoices"),
        ("get", f"/billing/bulk-invoices/{row}"),
        ("get", "/payments/metrics"),
    ):
        assert getattr(someone, method)(path, **({"json": {}} if method == "post" else {})).status_code in (
            403,
            404,
            405,
        )


# --- amounts


@pytest.mark.parametrize("at", range(len(BAD_AMOUNTS)))
def test_impossible_amounts_are_refused_everywhere(caller: Callable[..., Any], at: int) -> None:
    amount = BAD_AMOUNTS[at]
    invoice, taken = make_invoice(), make_tender()
    finance = caller("FINANCE_BILLING")
    for path, body in (
        ("/billing/payments", {"invoiceId": invoice.id, "tender": "CASH", "amount": amount}),
        ("/billing/deposits", {"patientId": invoice.patient_id, "tender": "CASH", "amount": amount}),
        (f"/billing/payments/{taken.id}/refund", {"amount": amount, "reason": "x"}),
        (f"/billing/invoices/{invoice.id}/credit", {"amount": amount, "reason": "x"}),
        (f"/billing/credit/{taken.patient_id}/apply", {"amount": amount}),
        (f"/billing/credit/{taken.patient_id}/refund", {"amount": amount, "reason": "x"}),
        (f"/billing/payments/{taken.id}/capture", {"amount": amount}),
    ):
        answer = finance.post(path, json=body)
        assert 400 <= answer.status_code < 500, (path, amount, answer.text)
    assert (reload(invoice).status, reread(taken).refunds) == ("OPEN", [])
    assert [row.id for row in db.session.query(Payment).filter_by(patient_id=invoice.patient_id)] == []


@pytest.mark.parametrize("currency", ["USD", "JPY", "XXX", "₹"])
def test_another_currency_is_refused(caller: Callable[..., Any], currency: str) -> None:
    invoice, taken = make_invoice(), make_tender()
    finance = caller("FINANCE_BILLING")
    money = {"amount": "100", "currency": currency}
    for path, body in (
        ("/billing/payments", {"invoiceId": invoice.id, "tender": "CASH"}),
        (f"/billing/payments/{taken.id}/refund", {"reason": "x"}),
        (f"/billing/credit/{taken.patient_id}/refund", {"reason": "x"}),
    ):
        answer = finance.post(path, json={**body, **money})
        assert answer.status_code in (400, 422), (path, answer.text)
    assert (reload(invoice).status, reread(taken).refunds) == ("OPEN", [])


# --- keys


def test_a_key_is_its_users_own_and_holds_for_one_body(caller: Callable[..., Any]) -> None:
    invoice = make_invoice("500.00")
    one, other = caller("RECEPTIONIST"), caller("RECEPTIONIST")
    key, path = {"Idempotency-Key": "shared-key"}, "/billing/payments"
    body = {"invoiceId": invoice.id, "tender": "UPI", "amount": "100", "reference": "1"}
    first = one.post(path, json=body, headers=key)
    assert first.status_code == 201
    assert one.post(path, json=body, headers=key).json == first.json
    assert one.post(path, json={**body, "amount": "200"}, headers=key).status_code == 409
    deposit = {"patientId": invoice.patient_id, "tender": "UPI", "amount": "100", "reference": "1"}
    assert one.post("/billing/deposits", json=deposit, headers=key).status_code == 409
    theirs = other.post(path, json=body, headers=key)
    assert theirs.status_code == 201
    assert theirs.json["paymentId"] != first.json["paymentId"]
    assert reload(invoice).amount_paid == rupees("200")


# --- twice at once


def at_once(app: Any, clinic: Any, work: Callable[[], Any], times: int = 10) -> list[int]:
    db.session.rollback()

    def run(_: int) -> int:
        with app.app_context(), tenant_scope(clinic.id):
            answer: int = copy_context().run(work)
            return answer

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


def test_credit_is_spent_once_by_ten_at_once(app: Any, clinic: Any, client_as: Callable[..., Any]) -> None:
    patient = make_patient()
    make_tender("CASH", rupees("500"), patient_id=patient.id)
    first, second = make_invoice("400.00", patient=patient), make_invoice("400.00", patient=patient)
    client = client_as("FINANCE_BILLING")
    token = client.environ_base["HTTP_AUTHORIZATION"]

    def work() -> int:
        path = f"/api/v1/billing/credit/{patient_id}/apply"
        status: int = app.test_client().post(path, json={}, headers={"Authorization": token}).status_code
        return status

    patient_id = patient.id
    answers = at_once(app, clinic, work)
    assert set(answers) <= {200, 409} and 200 in answers
    assert sorted(reload(invoice).amount_due.minor for invoice in (first, second)) == [0, 30_000]


def test_the_desk_takes_an_invoice_once_by_ten_at_once(app: Any, clinic: Any, client_as: Callable[..., Any]) -> None:
    invoice = make_invoice("400.00")
    invoice_id, token = invoice.id, client_as("RECEPTIONIST").environ_base["HTTP_AUTHORIZATION"]

    def work() -> int:
        body = {"invoiceId": invoice_id, "tender": "UPI", "amount": "400", "reference": "7"}
        post = app.test_client().post
        status: int = post("/api/v1/billing/payments", json=body, headers={"Authorization": token}).status_code
        return status

    answers = at_once(app, clinic, work)
    assert sorted(set(answers)) in ([201, 409], [201, 422], [201, 409, 422])
    assert answers.count(201) == 1
    assert (reload(invoice).status, reload(invoice).amount_paid) == ("PAID", rupees("400"))


# --- links


def test_links_open_what_they_were_made_for_and_nothing_else(
    caller: Callable[..., Any], app: Any, other_clinic: Any
) -> None:
    invoice, second = make_invoice(), make_invoice()
    desk = caller("RECEPTIONIST")
    pay = desk.post(f"/billing/invoices/{invoice.id}/pay-link").json["url"].rsplit("/", 1)[1]
    download = desk.post(f"/billing/invoices/{invoice.id}/generate-pdf").json["pdfUrl"].partition("token=")[2]

    def status(path: str) -> int:
        found: int = copy_context().run(app.test_client().get, path).status_code
        return found

    assert status(f"/pay/{pay}") == 200
    assert status(f"/api/v1/billing/invoices/download/x.pdf?token={download}") == 200
    for wrong in (f"/pay/{download}", f"/pay/checkout/{download}", f"/pay/return/{download}", f"/pay/checkout/{pay}"):
        assert status(wrong) == 404, wrong
    assert status(f"/api/v1/billing/invoices/download/x.pdf?token={pay}") == 404
    for at in (0, len(download) // 2, len(download) - 1):
        changed = download[:at] + ("A" if download[at] != "A" else "B") + download[at + 1 :]
        assert status(f"/api/v1/billing/invoices/download/x.pdf?token={changed}") in (403, 404)
    swapped = pay[:4] + ("A" if pay[4] != "A" else "B") + pay[5:]
    assert status(f"/pay/{swapped}") == 404
    assert reload(second).status == "OPEN"
    stored = [str(link.token_hash) for link in db.session.query(PayLink)]
    assert stored and pay not in stored


def test_a_paid_invoices_document_is_not_another_clinics(caller: Callable[..., Any], other_clinic: Any) -> None:
    invoice = collect(make_invoice()).invoice
    stranger = caller("CLINIC_ADMIN", clinic_id=other_clinic.id)
    for path in ("", "/pay-link", "/generate-pdf", "/send", "/void", "/credit", "/write-off"):
        method = "get" if not path else "post"
        body = {} if method == "get" else {"json": {"reason": "x", "amount": "1"}}
        assert getattr(stranger, method)(f"/billing/invoices/{invoice.id}{path}", **body).status_code == 404
