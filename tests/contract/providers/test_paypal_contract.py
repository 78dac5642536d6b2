"""What PayPal promises, over real HTTP against the provider sandbox: approve, take, reserve, refund, dispute."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from app.core.money import Money
from app.core.providers import Outcome, ProviderError
from app.payments.gateways.base import (
    ORDER_EXPIRED,
    OrderState,
    PaymentState,
    RefundRequest,
    RefundState,
)
from app.payments.gateways.paypal import PayPal
from tests.contract.providers.paypal_walk import DOLLARS_500, approved, dollars, request_for, reserved, taken
from tests.contract.providers.rigs import failure_of, opened
from tests.sandbox_server import RunningSandbox


@pytest.fixture
def gateway(sandbox: RunningSandbox) -> PayPal:
    adapter: PayPal = opened(PayPal, sandbox)
    return adapter


def test_an_approval_is_no_payment_until_it_is_taken(gateway: PayPal, sandbox: RunningSandbox) -> None:
    checkout = gateway.create_checkout(request_for())
    page = requests.get(checkout.url, timeout=60)
    assert page.status_code == 200 and "$500.00" in page.text and "Sunrise Clinic" in page.text
    assert (
        failure_of(lambda: gateway.collect(checkout.order_id, reserve=False, key="early")).code == "ORDER_NOT_APPROVED"
    )
    pressed = requests.post(
        f"{sandbox.paypal_url}/checkoutnow/{checkout.order_id}/press",
        data={"result": "success"}, timeout=60, allow_redirects=False,
    )  # fmt: skip
    back = f"http://127.0.0.1:9/return?visit=1&token={checkout.order_id}&PayerID="
    assert pressed.headers["Location"].startswith(back)
    order = gateway.fetch_order(checkout.order_id)
    assert (order.state, order.approved, order.payments) == (OrderState.OPEN, True, ())

    order = gateway.collect(checkout.order_id, reserve=False, key="operation-1")
    (payment,) = order.payments
    assert (order.state, order.reference, order.paid, order.approved) == (
        OrderState.PAID,
        "visit-1",
        DOLLARS_500,
        False,
    )
    assert (payment.state, payment.captured, payment.fee) == (PaymentState.CAPTURED, DOLLARS_500, dollars("17.94"))
    assert gateway.fetch_payment(payment.payment_id) == payment


def test_a_capture_is_carried_out_once_whatever_its_key(gateway: PayPal, sandbox: RunningSandbox) -> None:
    order_id = approved(gateway, sandbox)
    first = gateway.collect(order_id, reserve=False, key="operation-1")
    assert gateway.collect(order_id, reserve=False, key="operation-1") == first
    assert gateway.collect(order_id, reserve=False, key="operation-2") == first
    assert len(first.payments) == 1


def test_two_calls_at_once_with_one_key_take_the_money_once(gateway: PayPal, sandbox: RunningSandbox) -> None:
    order_id = approved(gateway, sandbox)
    sandbox.fault("paypal", "slow", operation="capture_order", seconds=0.5)

    def collect(_: int) -> str:
        try:
            return gateway.collect(order_id, reserve=False, key="operation-1").payments[0].payment_id
        except ProviderError as error:
            assert error.outcome is Outcome.UNKNOWN
            return error.code

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(collect, range(4)))
    (payment,) = gateway.fetch_order(order_id).payments
    assert payment.payment_id in answers
    assert answers <= {payment.payment_id, "PREVIOUS_REQUEST_IN_PROGRESS"}


def test_an_instrument_that_fails_leaves_the_order_payable(gateway: PayPal, sandbox: RunningSandbox) -> None:
    order_id = gateway.create_checkout(request_for()).order_id
    sandbox.pay(order_id, "failure", gateway="paypal")
    (failed,) = gateway.collect(order_id, reserve=False, key="operation-1").payments
    assert (failed.payment_id, failed.state, failed.error_code) == (
        order_id,
        PaymentState.FAILED,
        "INSTRUMENT_DECLINED",
    )
    assert gateway.resume_checkout(order_id, request_for()).order_id == order_id
    sandbox.pay(order_id, gateway="paypal")
    assert gateway.collect(order_id, reserve=False, key="operation-2").paid == DOLLARS_500


def test_an_approval_that_lapsed_is_a_dead_order(gateway: PayPal, sandbox: RunningSandbox) -> None:
    order_id = approved(gateway, sandbox)
    sandbox.pay(order_id, "expire", gateway="paypal")
    assert gateway.fetch_order(order_id).state is OrderState.EXPIRED
    assert failure_of(lambda: gateway.resume_checkout(order_id, request_for())).code == ORDER_EXPIRED


@pytest.mark.parametrize("currency", ["JPY", "HUF", "TWD"])
def test_currencies_without_decimals_cross_the_wire_whole(
    gateway: PayPal, sandbox: RunningSandbox, currency: str
) -> None:
    amount = Money.parse("1250", currency)
    order_id = gateway.create_checkout(request_for(amount=amount)).order_id
    sandbox.pay(order_id, gateway="paypal")
    assert gateway.collect(order_id, reserve=False, key="operation-1").paid == amount
    sent = next(call for call in sandbox.calls("paypal", "create_order"))
    assert '"value": "1250"' in sent["body"]


# --- reservations


def test_a_reservation_is_taken_in_parts_and_the_rest_voided(gateway: PayPal, sandbox: RunningSandbox) -> None:
    payment_id = reserved(gateway, sandbox)
    assert gateway.fetch_payment(payment_id).state is PaymentState.AUTHORIZED
    for number, (part, sum_) in enumerate([("100", "100"), ("150", "250")]):
        payment = gateway.capture(payment_id, dollars(part), key=f"part-{number}", final=False)
        assert (payment.captured, payment.voided) == (dollars(sum_), dollars("0"))
    assert gateway.capture(payment_id, dollars("150"), key="part-1", final=False).captured == dollars("250")
    payment = gateway.void(payment_id, key="void-1")
    assert (payment.captured, payment.voided) == (dollars("250"), dollars("250"))
    assert gateway.void(payment_id, key="void-2") == payment
    assert failure_of(lambda: sandbox_capture(gateway, payment_id)).code == "AUTHORIZATION_VOIDED"


def sandbox_capture(gateway: PayPal, payment_id: str) -> None:
    """A capture that our adapter would not even ask for."""
    response = gateway._client.post(
        "/v2/payments/authorizations/{id}/capture", id=payment_id, key="late", json={"final_capture": True}
    )
    raise gateway._client.error(response)


def test_a_final_part_lets_go_of_the_rest(gateway: PayPal, sandbox: RunningSandbox) -> None:
    payment = gateway.capture(reserved(gateway, sandbox), dollars("320"), key="part-1", final=True)
    assert (payment.authorized, payment.captured, payment.voided) == (DOLLARS_500, dollars("320"), dollars("180"))
    assert gateway.capture(payment.payment_id, dollars("10"), key="part-2") == payment


def test_more_than_was_reserved_is_refused(gateway: PayPal, sandbox: RunningSandbox) -> None:
    payment_id = reserved(gateway, sandbox)
    error = failure_of(lambda: gateway.capture(payment_id, dollars("600"), key="part-1"))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_MESSAGE, "MAX_CAPTURE_AMOUNT_EXCEEDED")


def test_a_reauthorised_reservation_is_captured_by_its_new_id(gateway: PayPal, sandbox: RunningSandbox) -> None:
    payment_id = reserved(gateway, sandbox)
    time.sleep(1.1)  # PayPal tells when in whole seconds
    path = "/v2/payments/authorizations/{id}/reauthorize"
    renewed = gateway._client.post(path, id=payment_id, key="again", json={}).json_object()
    assert renewed["id"] != payment_id
    payment = gateway.capture(payment_id, DOLLARS_500, key="part-1")
    assert (payment.payment_id, payment.authorized, payment.captured) == (payment_id, DOLLARS_500, DOLLARS_500)


def test_a_reservation_that_lapses_is_a_void(gateway: PayPal, sandbox: RunningSandbox) -> None:
    payment_id = reserved(gateway, sandbox)
    sandbox.pay(gateway.fetch_payment(payment_id).order_id or "", "expire", gateway="paypal")
    payment = gateway.fetch_payment(payment_id)
    assert (payment.state, payment.voided, payment.refunded) == (PaymentState.VOIDED, DOLLARS_500, dollars("0"))


# --- refunds


def test_refunds_in_parts_with_one_key_each(gateway: PayPal, sandbox: RunningSandbox) -> None:
    payment_id = taken(gateway, sandbox).payment_id
    request = RefundRequest(payment_id, dollars("200"), key="refund-key-0001", reference="refund-1")
    first, second = gateway.refund(request), gateway.refund(request)
    assert first.refund_id == second.refund_id
    assert gateway.fetch_payment(payment_id).refunded == dollars("200")
    gateway.refund(RefundRequest(payment_id, dollars("300"), key="refund-key-0002", reference="refund-2"))
    assert gateway.fetch_payment(payment_id).state is PaymentState.REFUNDED
    assert sorted(refund.reference for refund in gateway.refunds_of(payment_id)) == ["refund-1", "refund-2"]
    more = RefundRequest(payment_id, dollars("1"), key="refund-key-0003", reference="refund-3")
    assert failure_of(lambda: gateway.refund(more)).code == "CAPTURE_FULLY_REFUNDED"


def test_a_refund_above_what_is_left_is_refused(gateway: PayPal, sandbox: RunningSandbox) -> None:
    payment_id = taken(gateway, sandbox).payment_id
    request = RefundRequest(payment_id, dollars("500.01"), key="refund-key-0001", reference="refund-1")
    error = failure_of(lambda: gateway.refund(request))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_MESSAGE, "REFUND_AMOUNT_EXCEEDED")
    assert gateway.find_refund(payment_id, "refund-1") is None


@pytest.mark.parametrize(("status", "state"), [("processed", RefundState.SETTLED), ("failed", RefundState.FAILED)])
def test_a_pending_refund_ends(gateway: PayPal, sandbox: RunningSandbox, status: str, state: RefundState) -> None:
    payment_id = taken(gateway, sandbox).payment_id
    sandbox.fault("paypal", "refund_pending", seconds=30)
    refund = gateway.refund(RefundRequest(payment_id, dollars("200"), key="refund-key-0001", reference="refund-1"))
    assert refund.state is RefundState.PENDING
    assert gateway.fetch_payment(payment_id).refunded == dollars("0")
    sandbox.post(f"/_control/refunds/paypal/{refund.refund_id}", {"status": status})
    assert gateway.fetch_refund(refund.refund_id).state is state
