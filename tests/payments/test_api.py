"""Payments and refunds over the API: shapes, who may what, and that bad input changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest

from app.core.ids import new_id
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.payments.gateways import GATEWAYS
from app.payments.models import Payment
from app.payments.services import ask_gateway, start_checkout
from app.tenancy.models import Clinic
from app.tenancy.services import update_clinic
from tests.factories.billing import collect, make_invoice
from tests.factories.payments import make_payment, make_tender, reread, rupees
from tests.factories.people import make_patient
from tests.sandbox_server import RunningSandbox

ClientAs = Callable[..., Any]
PAYMENTS = "/api/v1/billing/payments"
REFUNDS = "/api/v1/billing/refunds"


def call(client: Any, method: str, url: str, body: Any = None, **options: Any) -> tuple[int, Any]:
    """In a context of its own: a request leaves no clinic in scope behind."""
    answer = copy_context().run(client.open, url, method=method, json=body, **options)
    return answer.status_code, answer.get_json(silent=True)


@pytest.fixture
def payment(in_clinic: Any) -> Payment:
    return make_tender("CASH", rupees("800.50"))


def paid_online(gateway: RunningSandbox) -> Payment:
    payment = make_payment(rupees("800"))
    gateway.pay(start_checkout(payment.id).order_id, webhook=False)
    ask_gateway(payment.id)
    return reread(payment)


# ---- reading ----


def test_a_payment_has_the_documented_shape(client_as: ClientAs, payment: Payment) -> None:
    status, shown = call(client_as("FINANCE_BILLING"), "GET", f"{PAYMENTS}/{payment.id}")
    assert status == 200
    assert shown["id"] == payment.id
    assert (shown["status"], shown["amount"], shown["currency"]) == ("COMPLETED", 800.5, "INR")
    assert (shown["refundedAmount"], shown["provider"], shown["method"]) == (0, "desk", "CASH")
    assert {"invoiceId", "appointmentId", "patientId", "createdAt"} <= set(shown)


def test_the_list_is_filtered_and_paged(client_as: ClientAs, payment: Payment) -> None:
    others = [make_tender("UPI", rupees("10"), patient_id=payment.patient_id) for _ in range(3)]
    finance = client_as("FINANCE_BILLING")
    status, first = call(finance, "GET", f"{PAYMENTS}?limit=3&patientId={payment.patient_id}&count=true")
    assert (status, first["count"], len(first["items"])) == (200, 4, 3)
    _, second = call(finance, "GET", f"{PAYMENTS}?limit=3&patientId={payment.patient_id}&cursor={first['nextCursor']}")
    assert [item["id"] for item in first["items"] + second["items"]] == [
        *(other.id for other in reversed(others)),
        payment.id,
    ]
    _, none = call(finance, "GET", f"{PAYMENTS}?status=REFUNDED&patientId={payment.patient_id}")
    assert none["items"] == []


@pytest.mark.parametrize(
    "query", ["status=PAID", "limit=0", "limit=101", "cursor=x", "patientId=7", "since=2026-01-01"]
)
def test_a_bad_query_is_told(client_as: ClientAs, payment: Payment, query: str) -> None:
    status, told = call(client_as("FINANCE_BILLING"), "GET", f"{PAYMENTS}?{query}")
    assert status in (400, 422)
    assert told["error"]["code"] in ("INVALID", "BAD_CURSOR")


def test_a_patient_sees_only_their_own(client_as: ClientAs, payment: Payment) -> None:
    mine = make_tender("CASH", rupees("5"), patient_id=make_patient().id)
    patient = client_as("PATIENT", patient_id=mine.patient_id)
    _, listed = call(patient, "GET", PAYMENTS)
    assert [item["id"] for item in listed["items"]] == [mine.id]
    assert call(patient, "GET", f"{PAYMENTS}/{mine.id}")[0] == 200
    assert call(patient, "GET", f"{PAYMENTS}/{payment.id}")[0] == 404
    _, by_user = call(patient, "GET", f"{PAYMENTS}/user/{patient.user.id}")
    assert [item["id"] for item in by_user["items"]] == [mine.id]
    assert call(patient, "GET", f"{PAYMENTS}/user/{payment.patient_id}")[0] == 404
    _, filtered = call(patient, "GET", f"{PAYMENTS}?patientId={payment.patient_id}")
    assert filtered["items"] == []


def test_another_clinics_payment_does_not_exist(client_as: ClientAs, other_clinic: Any, payment: Payment) -> None:
    with tenant_scope(other_clinic.id):
        foreign_id = make_tender("CASH", rupees("5")).id
    finance = client_as("CLINIC_ADMIN")
    assert call(finance, "GET", f"{PAYMENTS}/{foreign_id}")[0] == 404
    assert call(finance, "PUT", f"{PAYMENTS}/{foreign_id}", {"notes": "x"})[0] == 404
    for action, body in (("refund", {"reason": "x"}), ("capture", {}), ("void", {})):
        assert call(finance, "POST", f"{PAYMENTS}/{foreign_id}/{action}", body)[0] == 404


def test_nobody_without_a_log_in(app: Any, payment: Payment) -> None:
    assert call(app.test_client(), "GET", PAYMENTS)[0] == 401
    assert call(app.test_client(), "POST", f"{PAYMENTS}/callback", {"paymentId": payment.id})[0] == 401


# ---- changing ----


def test_reference_and_notes_can_be_changed(client_as: ClientAs, payment: Payment) -> None:
    desk = client_as("RECEPTIONIST")
    status, shown = call(desk, "PUT", f"{PAYMENTS}/{payment.id}", {"reference": "UTR 77", "notes": "paid by the aunt"})
    assert (status, shown["reference"], shown["notes"]) == (200, "UTR 77", "paid by the aunt")


@pytest.mark.parametrize("body", [{"status": "REFUNDED"}, {"amount": 1}, {"refundedAmount": 5}, {"notes": "x" * 3000}])
def test_a_status_or_a_sum_cannot_be_set(client_as: ClientAs, payment: Payment, body: dict[str, Any]) -> None:
    status, told = call(client_as("CLINIC_ADMIN"), "PUT", f"{PAYMENTS}/{payment.id}", body)
    assert (status, list(told["error"]["fields"])) == (422, list(body))
    assert reread(payment).status == "COMPLETED"


@pytest.mark.parametrize("role", ["PATIENT", "DOCTOR", "NURSE", "SYSTEM_AUDITOR", "ACCOUNTANT"])
def test_some_roles_change_nothing(client_as: ClientAs, payment: Payment, role: str) -> None:
    client = client_as(role, **({"patient_id": payment.patient_id} if role == "PATIENT" else {}))
    assert call(client, "PUT", f"{PAYMENTS}/{payment.id}", {"notes": "x"})[0] == 403
    assert call(client, "POST", f"{PAYMENTS}/{payment.id}/refund", {"reason": "x"})[0] == 403
    assert call(client, "POST", f"{PAYMENTS}/{payment.id}/void")[0] == 403


# ---- refunds ----


def test_finance_refunds_in_one_call(client_as: ClientAs, gateway: RunningSandbox) -> None:
    payment = paid_online(gateway)
    finance = client_as("FINANCE_BILLING")
    status, refund = call(
        finance, "POST", f"{PAYMENTS}/{payment.id}/refund", {"amount": 300, "reason": "visit cut short"}
    )
    assert (status, refund["status"], refund["amount"], refund["currency"]) == (201, "SETTLED", 300, "INR")
    _, shown = call(finance, "GET", f"{PAYMENTS}/{payment.id}")
    assert (shown["status"], shown["refundedAmount"]) == ("PARTIALLY_REFUNDED", 300)
    status, told = call(finance, "POST", f"{PAYMENTS}/{payment.id}/refund", {"amount": 500.01, "reason": "more"})
    assert (status, told["error"]["code"], told["error"]["left"]) == (409, "REFUND_TOO_LARGE", 500)


def test_a_receptionist_requests_and_finance_approves(client_as: ClientAs, payment: Payment) -> None:
    desk, finance = client_as("RECEPTIONIST"), client_as("FINANCE_BILLING")
    status, refund = call(desk, "POST", f"{PAYMENTS}/{payment.id}/refund", {"reason": "left without treatment"})
    assert (status, refund["status"], refund["amount"]) == (201, "REQUESTED", 800.5)
    assert call(desk, "POST", f"{REFUNDS}/{refund['id']}/approve", {})[0] == 403
    _, queue = call(finance, "GET", f"{REFUNDS}?status=REQUESTED")
    assert refund["id"] in [item["id"] for item in queue["items"]]
    status, approved = call(finance, "POST", f"{REFUNDS}/{refund['id']}/approve", {"note": "agreed"})
    assert (status, approved["status"]) == (200, "SETTLED")
    assert call(finance, "POST", f"{REFUNDS}/{refund['id']}/reject", {})[0] == 409


def test_above_the_clinics_limit_finance_only_requests(client_as: ClientAs, clinic: Any, payment: Payment) -> None:
    with all_tenants(), unit_of_work():
        update_clinic(db.session.get_one(Clinic, clinic.id), settings={"refund_second_person_above": 500})
    finance = client_as("FINANCE_BILLING")
    _, refund = call(finance, "POST", f"{PAYMENTS}/{payment.id}/refund", {"reason": "all of it"})
    assert refund["status"] == "REQUESTED"
    status, told = call(finance, "POST", f"{REFUNDS}/{refund['id']}/approve", {})
    assert (status, told["error"]["code"]) == (403, "SECOND_PERSON_NEEDED")
    assert call(client_as("CLINIC_ADMIN"), "POST", f"{REFUNDS}/{refund['id']}/approve", {})[1]["status"] == "SETTLED"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": ""},
        {"reason": "x", "amount": -1},
        {"reason": "x", "amount": 0},
        {"reason": "x", "amount": 10.001},
        {"reason": "x", "amount": "ten"},
        {"reason": "x", "amount": True},
        {"reason": "x", "amount": 1e30},
        {"reason": "x", "amount": 5, "currency": "USD"},
        {"reason": "x", "amount": 5, "currency": "XYZ"},
        {"reason": "x", "destination": "SHELLS"},
    ],
)
def test_bad_refunds_change_nothing(client_as: ClientAs, payment: Payment, body: dict[str, Any]) -> None:
    status, told = call(client_as("FINANCE_BILLING"), "POST", f"{PAYMENTS}/{payment.id}/refund", body)
    assert (status, told["error"]["code"]) == (422, "INVALID")
    assert reread(payment).refunds == []


def test_the_same_key_refunds_once(client_as: ClientAs, payment: Payment) -> None:
    finance, key = client_as("FINANCE_BILLING"), {"Idempotency-Key": new_id()}
    answers = [
        call(finance, "POST", f"{PAYMENTS}/{payment.id}/refund", {"amount": 100, "reason": "x"}, headers=key)
        for _ in range(3)
    ]
    assert answers[0] == answers[1] == answers[2]
    assert len(reread(payment).refunds) == 1
    other = call(finance, "POST", f"{PAYMENTS}/{payment.id}/refund", {"amount": 101, "reason": "x"}, headers=key)
    assert other[0] == 409


# ---- capture, void, callback ----


def test_reserved_money_is_captured_over_the_api(client_as: ClientAs, gateway: RunningSandbox) -> None:
    payment = make_payment(rupees("800"), manual_capture=True)
    gateway.pay(start_checkout(payment.id).order_id, webhook=False)
    ask_gateway(payment.id)
    finance = client_as("FINANCE_BILLING")
    status, told = call(finance, "POST", f"{PAYMENTS}/{payment.id}/capture", {"amount": 1})
    assert (status, list(told["error"]["fields"])) == (422, ["amount"])
    assert call(finance, "POST", f"{PAYMENTS}/{payment.id}/capture", {})[1]["status"] == "COMPLETED"
    assert call(finance, "POST", f"{PAYMENTS}/{payment.id}/capture", {})[0] == 409
    assert call(client_as("RECEPTIONIST"), "POST", f"{PAYMENTS}/{payment.id}/capture", {})[0] == 403


def test_a_payment_that_nobody_made_is_voided_over_the_api(client_as: ClientAs, gateway: RunningSandbox) -> None:
    payment = make_payment(rupees("800"))
    start_checkout(payment.id)
    finance = client_as("FINANCE_BILLING")
    assert call(finance, "POST", f"{PAYMENTS}/{payment.id}/void")[1]["status"] == "VOIDED"


@pytest.mark.parametrize("form", ["v1", "fixed address"])
def test_the_callback_asks_the_gateway(client_as: ClientAs, clinic: Any, gateway: RunningSandbox, form: str) -> None:
    payment = make_payment(rupees("800"))
    order_id = start_checkout(payment.id).order_id
    gateway.pay(order_id, webhook=False)
    patient = client_as("PATIENT", patient_id=payment.patient_id)
    if form == "v1":
        body = {"paymentId": payment.id, "orderId": order_id, "provider": "razorpay"}
        status, shown = call(patient, "POST", f"{PAYMENTS}/callback", body)
    else:
        query = f"clinicId={clinic.id}&paymentId={payment.id}&orderId={order_id}&provider=razorpay"
        status, shown = call(patient, "POST", f"/api/payments/callback?{query}")
    assert (status, shown["status"]) == (200, "COMPLETED")


def test_a_callback_for_something_else_finds_nothing(client_as: ClientAs, gateway: RunningSandbox) -> None:
    payment = make_payment(rupees("800"))
    start_checkout(payment.id)
    stranger = client_as("PATIENT", patient_id=make_patient().id)
    assert call(stranger, "POST", f"{PAYMENTS}/callback", {"paymentId": payment.id})[0] == 404
    owner = client_as("PATIENT", patient_id=payment.patient_id)
    for body in ({"orderId": "order_x"}, {"provider": "stripe"}, {"paymentId": new_id()}, {"paymentId": "x"}):
        assert call(owner, "POST", f"{PAYMENTS}/callback", {"paymentId": payment.id, **body})[0] == 404
    url = f"/api/payments/callback?clinicId={new_id()}&paymentId={payment.id}"
    assert call(owner, "POST", url)[0] == 404


# ---- health and figures ----


def test_health_is_public_and_tells_which_gateway_is_down(app: Any, gateway: RunningSandbox) -> None:
    payment = make_payment(rupees("800"))
    start_checkout(payment.id)
    status, shown = call(app.test_client(), "GET", "/api/v1/payments/health")
    assert (status, shown["status"], shown["database"], shown["redis"]) == (200, "ok", True, True)
    assert list(shown["gateways"]) == [adapter.code for adapter in GATEWAYS]
    assert shown["gateways"]["razorpay"] == "up"
    gateway.fault("razorpay", "reset", count=4)
    from app.core.errors import ProviderUnavailable

    with pytest.raises(ProviderUnavailable):
        ask_gateway(payment.id)
    assert call(app.test_client(), "GET", "/api/v1/payments/health")[1]["gateways"]["razorpay"] == "down"


def test_figures_count_refunds_and_what_was_earned(client_as: ClientAs, in_clinic: Any) -> None:
    taken = collect(make_invoice("1000.00")).payment
    finance, path = client_as("FINANCE_BILLING"), f"/api/v1/billing/payments/{taken.id}/refund"
    assert call(finance, "POST", path, {"amount": 250.5, "reason": "Not given"})[0] == 201
    assert call(client_as("RECEPTIONIST"), "POST", path, {"amount": 1, "reason": "Asked"})[0] == 201
    shown = call(finance, "GET", "/api/v1/payments/metrics")[1]
    assert shown["refunds"] == {"count": 2, "byStatus": {"SETTLED": 1, "REQUESTED": 1}}
    assert shown["revenue"] == [{"currency": "INR", "amount": 749.5}]


def test_figures_are_for_finance(client_as: ClientAs, payment: Payment) -> None:
    status, shown = call(client_as("FINANCE_BILLING"), "GET", "/api/v1/payments/metrics?days=7")
    assert (status, shown["volume"], shown["successRate"]) == (200, 1, 1.0)
    assert shown["values"] == [{"currency": "INR", "captured": 800.5, "refunded": 0}]
    assert (shown["refunds"], shown["revenue"]) == ({"count": 0, "byStatus": {}}, [])
    assert call(client_as("RECEPTIONIST"), "GET", "/api/v1/payments/metrics")[0] == 403
