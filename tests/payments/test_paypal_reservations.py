"""PayPal's reservations and refunds through the real services."""

from __future__ import annotations

from contextvars import copy_context
from typing import Any

import pytest

from app.core.errors import ProviderUnavailable
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.errors import UnderWay
from app.payments.models import OperationKind, OperationStatus, Payment
from app.payments.services import (
    approve_refund,
    ask_gateway,
    capture_payment,
    request_refund,
    send_refund,
    void_payment,
)
from tests.factories.payments import reread
from tests.payments.jobs import run_jobs
from tests.payments.paypal import (
    approve,
    deliver,
    dollars,
    make_paypal_payment,
    operations,
    told,
)
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Server

# ---- reservations ----


@pytest.fixture
def reserved(paypal: RunningSandbox) -> Payment:
    payment = make_paypal_payment("100", manual_capture=True)
    approve(payment, paypal)
    ask_gateway(payment.id)
    assert reread(payment).status == "AUTHORIZED"
    return payment


def test_a_reservation_is_captured_in_parts_and_the_rest_voided(paypal: RunningSandbox, reserved: Payment) -> None:
    for part, sum_ in (("30", "30"), ("20", "50")):
        capture_payment(reserved.id, dollars(part), final=False)
        assert reread(reserved).captured == dollars(sum_)
    void_payment(reserved.id)
    done = reread(reserved)
    assert (done.status, done.captured, done.voided_minor) == ("COMPLETED", dollars("50"), 5000)
    assert balance(AccountCode.PATIENT_CREDIT, currency="USD") == dollars("50")
    assert balance(AccountCode.GATEWAY_FEES, currency="USD") == dollars("1.54") + dollars("1.19")
    assert [item.status for item in operations(reserved, OperationKind.VOID)] == [OperationStatus.DONE]


def test_a_final_part_ends_the_reservation(paypal: RunningSandbox, reserved: Payment) -> None:
    capture_payment(reserved.id, dollars("60"))
    done = reread(reserved)
    assert (done.status, done.captured, done.voided_minor) == ("COMPLETED", dollars("60"), 4000)


def test_an_untouched_reservation_is_voided(paypal: RunningSandbox, reserved: Payment) -> None:
    void_payment(reserved.id)
    assert reread(reserved).status == "VOIDED"
    assert paypal.call_counts("paypal")["void_authorization"] == 1


def test_an_unclear_void_is_found(paypal: RunningSandbox, reserved: Payment) -> None:
    paypal.fault("paypal", "reset", operation="void_authorization")
    with pytest.raises(ProviderUnavailable):
        void_payment(reserved.id)
    assert reread(reserved).status == "UNKNOWN"
    with pytest.raises(UnderWay):
        capture_payment(reserved.id)
    ask_gateway(reserved.id)
    assert (reread(reserved).status, paypal.call_counts("paypal")["void_authorization"]) == ("VOIDED", 1)


def test_a_part_of_a_reservation_is_refunded(acting: Any, paypal: RunningSandbox, reserved: Payment) -> None:
    capture_payment(reserved.id, dollars("60"))
    refund = refunded(acting, reserved, "25")
    assert (refund.status, refund.gateway_payment_id) == ("SETTLED", reread(reserved).gateway_payment_id)
    assert reread(reserved).status == "PARTIALLY_REFUNDED"


# ---- refunds ----


def refunded(acting: Any, payment: Payment, amount: str) -> Any:
    from app.core.transaction import unit_of_work

    with acting("FINANCE_BILLING"), unit_of_work():
        refund = request_refund(reread(payment), dollars(amount), "asked for")
        approve_refund(refund, wake=False)
    send_refund(refund.id)
    return reread(refund)


@pytest.fixture
def paid(paypal: RunningSandbox) -> Payment:
    payment = make_paypal_payment("100")
    approve(payment, paypal)
    ask_gateway(payment.id)
    assert reread(payment).status == "COMPLETED"
    return payment


def test_refunds_in_parts(acting: Any, paypal: RunningSandbox, paid: Payment) -> None:
    assert refunded(acting, paid, "30").status == "SETTLED"
    assert reread(paid).status == "PARTIALLY_REFUNDED"
    assert refunded(acting, paid, "70").status == "SETTLED"
    assert (reread(paid).status, paypal.call_counts("paypal")["refund_capture"]) == ("REFUNDED", 2)


@pytest.mark.parametrize(("end", "status"), [("processed", "SETTLED"), ("failed", "FAILED")])
def test_a_pending_refund_ends_by_its_webhook(
    acting: Any, paypal: RunningSandbox, clinic: Any, paypal_inbox: Server, paid: Payment, end: str, status: str
) -> None:
    paypal.fault("paypal", "refund_pending", seconds=30)
    refund = refunded(acting, paid, "30")
    assert refund.status == "SENT"
    paypal.post(f"/_control/refunds/paypal/{refund.gateway_refund_id}", {"status": end})
    event = "PAYMENT.CAPTURE.REFUNDED" if end == "processed" else "PAYMENT.REFUND.FAILED"
    deliver(clinic.id, told(paypal_inbox, event))
    run_jobs()
    assert reread(refund).status == status


def test_an_unclear_refund_is_sent_once(acting: Any, paypal: RunningSandbox, paid: Payment) -> None:
    paypal.fault("paypal", "reset", operation="refund_capture")
    refund = refunded(acting, paid, "30")
    assert (refund.status, reread(paid).in_doubt) == ("APPROVED", True)
    ask_gateway(paid.id)
    assert (reread(refund).status, reread(paid).refunded) == ("SETTLED", dollars("30"))
    assert paypal.call_counts("paypal")["refund_capture"] == 1


# ---- over the API ----


def post(client: Any, url: str, body: dict[str, Any]) -> tuple[int, str]:
    """Status code and the payment's status; in a context of its own: a request leaves no clinic in scope behind."""
    response = copy_context().run(client.post, f"/api/v1/billing/payments/{url}", json=body)
    return response.status_code, response.get_json()["status"]


def test_the_api_takes_a_part_and_keeps_the_rest(client_as: Any, paypal: RunningSandbox, reserved: Payment) -> None:
    finance = client_as("FINANCE_BILLING")
    assert post(finance, f"{reserved.id}/capture", {"amount": 40, "final": False}) == (200, "COMPLETED")
    assert reread(reserved).voided_minor == 0
    assert post(finance, f"{reserved.id}/capture", {}) == (200, "COMPLETED")
    assert (reread(reserved).captured, reread(reserved).voided_minor) == (dollars("100"), 0)
    assert paypal.call_counts("paypal")["capture_authorization"] == 2


def test_the_api_voids_a_reservation(client_as: Any, reserved: Payment) -> None:
    assert post(client_as("FINANCE_BILLING"), f"{reserved.id}/void", {}) == (200, "VOIDED")
