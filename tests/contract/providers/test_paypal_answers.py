"""What PayPal promises when answers are lost, and what it tells from outside: webhooks, disputes, the statement."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.core.providers import BadSignature, Outcome
from app.payments.gateways.base import (
    NoticeKind,
    RefundRequest,
    SettlementKind,
)
from app.payments.gateways.paypal import PayPal
from tests.contract.providers.paypal_walk import DOLLARS_500, approved, dollars, request_for, taken
from tests.contract.providers.rigs import CARRIED_OUT, HASTY, failure_of, opened
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Server
from tests.waiting import wait_until

# A capture's answer is not read: the order is asked how it stands.
UNREADABLE = [item for item in CARRIED_OUT if item[0] != "malformed"]


@pytest.fixture
def gateway(sandbox: RunningSandbox) -> PayPal:
    adapter: PayPal = opened(PayPal, sandbox)
    return adapter


# --- lost answers


@pytest.mark.parametrize(("fault", "options"), CARRIED_OUT, ids=lambda value: str(value))
def test_an_order_whose_answer_is_lost_comes_back_by_its_key(
    sandbox: RunningSandbox, fault: str, options: dict[str, Any]
) -> None:
    gateway, hasty = opened(PayPal, sandbox), opened(PayPal, sandbox, HASTY)
    sandbox.fault("paypal", fault, operation="create_order", **options)
    assert failure_of(lambda: hasty.create_checkout(request_for())).outcome is Outcome.UNKNOWN
    first, second = gateway.create_checkout(request_for()), gateway.create_checkout(request_for())
    assert first.order_id == second.order_id


@pytest.mark.parametrize(("fault", "options"), UNREADABLE, ids=lambda value: str(value))
def test_a_capture_whose_answer_is_lost_is_unknown_and_found(
    sandbox: RunningSandbox, fault: str, options: dict[str, Any]
) -> None:
    gateway, hasty = opened(PayPal, sandbox), opened(PayPal, sandbox, HASTY)
    order_id = approved(gateway, sandbox)
    sandbox.fault("paypal", fault, operation="capture_order", **options)
    assert failure_of(lambda: hasty.collect(order_id, reserve=False, key="operation-1")).outcome is Outcome.UNKNOWN
    assert gateway.fetch_order(order_id).paid == DOLLARS_500
    assert len(gateway.collect(order_id, reserve=False, key="operation-1").payments) == 1


@pytest.mark.parametrize(("fault", "options"), CARRIED_OUT, ids=lambda value: str(value))
def test_a_refund_whose_answer_is_lost_is_unknown_and_found(
    sandbox: RunningSandbox, fault: str, options: dict[str, Any]
) -> None:
    gateway, hasty = opened(PayPal, sandbox), opened(PayPal, sandbox, HASTY)
    payment_id = taken(gateway, sandbox).payment_id
    request = RefundRequest(payment_id, dollars("200"), key="refund-key-0001", reference="refund-1")
    sandbox.fault("paypal", fault, operation="refund_capture", **options)
    assert failure_of(lambda: hasty.refund(request)).outcome is Outcome.UNKNOWN
    found = gateway.find_refund(payment_id, "refund-1")
    assert found is not None and gateway.refund(request).refund_id == found.refund_id
    assert gateway.fetch_payment(payment_id).refunded == dollars("200")


def test_a_revoked_token_costs_one_more_call(gateway: PayPal, sandbox: RunningSandbox) -> None:
    order_id = approved(gateway, sandbox)
    before = sandbox.call_counts("paypal")["issue_token"]
    sandbox.fault("paypal", "token_revoked", operation="capture_order")
    assert gateway.collect(order_id, reserve=False, key="operation-1").paid == DOLLARS_500
    assert sandbox.call_counts("paypal")["issue_token"] == before + 1


def test_what_does_not_exist_is_refused_and_not_in_doubt(gateway: PayPal) -> None:
    for call in (
        lambda: gateway.fetch_order("unknown"),
        lambda: gateway.fetch_payment("unknown"),
        lambda: gateway.fetch_refund("unknown"),
        lambda: gateway.capture("unknown", DOLLARS_500, key="k"),
        lambda: gateway.refund(RefundRequest("unknown", DOLLARS_500, key="k", reference="r")),
    ):
        assert failure_of(call).outcome is Outcome.PERMANENT_MESSAGE


# --- webhooks, disputes, the statement


def test_webhooks_verify_by_the_certificate_and_name_the_order(
    gateway: PayPal, sandbox: RunningSandbox, clinic: Server
) -> None:
    payment = taken(gateway, sandbox)
    gateway.refund(RefundRequest(payment.payment_id, dollars("200"), key="refund-key-0001", reference="refund-1"))
    wait_until(lambda: len(clinic.received) >= 3)
    notices = [gateway.verify_webhook(call.body, call.headers) for call in clinic.received]
    assert {notice.event for notice in notices} == {
        "CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.REFUNDED",
    }  # fmt: skip
    assert len({notice.event_id for notice in notices}) == 3
    confirmed = [gateway.confirm(notice) for notice in notices]
    assert {notice.order_id for notice in confirmed} == {payment.order_id}
    assert [notice.kind for notice in confirmed].count(NoticeKind.REFUND) == 1
    call = clinic.received[0]
    for body, headers in ((call.body + b" ", call.headers), (call.body, {})):
        with pytest.raises(BadSignature):
            gateway.verify_webhook(body, headers)
    with pytest.raises(BadSignature):
        opened(PayPal, sandbox, webhook_id="ANOTHER").verify_webhook(call.body, call.headers)
    with pytest.raises(BadSignature):
        opened(PayPal, sandbox, webhook_root=None).verify_webhook(call.body, call.headers)
    fetched = [call["path"] for call in sandbox.calls("paypal", "fetch_certificate") if "CERT-" in call["path"]]
    assert len(fetched) <= 1


def test_a_dispute_opens_and_is_lost(gateway: PayPal, sandbox: RunningSandbox, clinic: Server) -> None:
    payment = taken(gateway, sandbox)
    control = {"provider": "paypal", "paymentId": payment.payment_id}
    sandbox.post("/_control/disputes", {**control, "amount": "120.00"})
    sandbox.post("/_control/disputes", {**control, "status": "lost"})
    wait_until(lambda: sum(b"CUSTOMER.DISPUTE" in call.body for call in clinic.received) == 2)
    hints = [gateway.verify_webhook(call.body, call.headers) for call in clinic.received if b"DISPUTE" in call.body]
    told = gateway.confirm(hints[0])
    assert told.dispute is not None
    assert (told.order_id, told.dispute.payment_id, told.dispute.state) == (
        payment.order_id,
        payment.payment_id,
        "lost",
    )
    assert told.dispute.amount == dollars("120")


def today() -> date:
    return datetime.now(UTC).date()


def test_the_statement_holds_payments_fees_and_refunds(gateway: PayPal, sandbox: RunningSandbox) -> None:
    first = today()
    payment = taken(gateway, sandbox)
    refund = gateway.refund(RefundRequest(payment.payment_id, dollars("200"), key="refund-key-1", reference="refund-1"))
    sandbox.settle(provider="paypal")
    lines = gateway.fetch_settlement_lines(first, today())
    assert {(line.kind, line.gateway_id, line.gross, line.fee) for line in lines} == {
        (SettlementKind.PAYMENT, payment.payment_id, DOLLARS_500, dollars("17.94")),
        (SettlementKind.REFUND, refund.refund_id, dollars("-200"), dollars("0")),
    }
    assert {line.reference for line in lines} == {"visit-1", "refund-1"}
    assert sum((line.net for line in lines), dollars("0")) == dollars("282.06")
