"""Stripe's adapter and the sandbox's Stripe over real HTTP: each proves that the other speaks the wire."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from app.core.money import Money
from app.core.providers import Outcome, ProviderError, Timeouts
from app.payments.gateways.base import (
    ORDER_EXPIRED,
    OrderState,
    PaymentState,
    RefundState,
)
from app.payments.gateways.stripe import Stripe, StripeCredentials
from tests.payments.gateways.razorpay_account import failure_of
from tests.payments.gateways.stripe_account import KEYS, REQUEST, RUPEES_500, SECRET_KEY, WEBHOOK_SECRET
from tests.payments.gateways.stripe_sandbox import ACCOUNT, back, connect, paid, pay, request
from tests.sandbox_server import RunningSandbox, running_sandbox
from tests.scripted_server import Server, answer, scripted_server


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    running.reset()
    running.account("stripe", accountId=ACCOUNT, secretKey=SECRET_KEY, webhookSecret=WEBHOOK_SECRET)
    return running


@pytest.fixture
def clinic(sandbox: RunningSandbox) -> Iterator[Server]:
    """The address that the account's webhooks go to."""
    with scripted_server() as server:
        server.will(answer(200, {}))
        connect(sandbox, server)
        yield server
        sandbox.account("stripe", accountId=ACCOUNT, secretKey=SECRET_KEY, webhookSecret=WEBHOOK_SECRET)


@pytest.fixture
def gateway(sandbox: RunningSandbox) -> Stripe:
    return opened(sandbox, Timeouts(30, 30))


def opened(sandbox: RunningSandbox, timeouts: Timeouts) -> Stripe:
    return Stripe(StripeCredentials.load(KEYS), base_url=f"{sandbox.base_url}/stripe", timeouts=timeouts)


# --- orders


def test_a_session_is_opened_paid_and_found_with_its_fee(sandbox: RunningSandbox, gateway: Stripe) -> None:
    wanted = request()
    order_id = gateway.create_checkout(wanted).order_id
    assert gateway.fetch_order(order_id).state is OrderState.OPEN
    payment_id = pay(sandbox, order_id)
    order = gateway.find_order(wanted.reference)
    assert order is not None
    assert (order.order_id, order.state, order.paid) == (order_id, OrderState.PAID, RUPEES_500)
    payment = order.payments[0]
    assert (payment.payment_id, payment.state, payment.method) == (payment_id, PaymentState.CAPTURED, "card")
    assert (payment.fee, payment.tax) == (Money(1180, "INR"), Money(180, "INR"))
    assert gateway.fetch_payment(payment_id).captured == RUPEES_500


def test_a_declined_attempt_leaves_the_same_intent_payable(sandbox: RunningSandbox, gateway: Stripe) -> None:
    order_id = gateway.create_checkout(request()).order_id
    failed = pay(sandbox, order_id, "failure")
    assert gateway.fetch_payment(failed).state is PaymentState.FAILED
    assert gateway.resume_checkout(order_id, REQUEST).url.endswith(order_id)
    assert pay(sandbox, order_id) == failed
    assert gateway.fetch_payment(failed).state is PaymentState.CAPTURED


def test_a_delayed_method_completes_the_session_long_before_the_money(sandbox: RunningSandbox, gateway: Stripe) -> None:
    order_id = gateway.create_checkout(request()).order_id
    payment_id = pay(sandbox, order_id, method="bank_debit")
    order = gateway.fetch_order(order_id)
    assert (order.state, order.payments[0].state, order.paid) == (
        OrderState.ATTEMPTED, PaymentState.PENDING, Money(0, "INR"),
    )  # fmt: skip
    assert gateway.resume_checkout(order_id, REQUEST).url == f"{REQUEST.callback_url}?session_id={order_id}"
    assert pay(sandbox, order_id, "late_success") == payment_id
    assert gateway.fetch_order(order_id).state is OrderState.PAID


def test_a_closed_session_takes_no_payment(sandbox: RunningSandbox, gateway: Stripe) -> None:
    order_id = gateway.create_checkout(request()).order_id
    gateway.close_checkout(order_id)
    gateway.close_checkout(order_id)
    assert gateway.fetch_order(order_id).state is OrderState.EXPIRED
    assert failure_of(lambda: gateway.resume_checkout(order_id, REQUEST)).code == ORDER_EXPIRED
    press = sandbox.request("POST", f"/_control/checkout/stripe/{order_id}", json={"result": "success"})
    assert press.status_code == 409


def test_closing_a_paid_session_changes_nothing(sandbox: RunningSandbox, gateway: Stripe) -> None:
    order_id = gateway.create_checkout(request()).order_id
    pay(sandbox, order_id)
    gateway.close_checkout(order_id)
    assert gateway.fetch_order(order_id).state is OrderState.PAID


@pytest.mark.parametrize("fault", ["reset", "malformed"])
def test_an_unclear_create_is_found_again_and_its_repeat_opens_no_second_session(
    sandbox: RunningSandbox, gateway: Stripe, fault: str
) -> None:
    wanted = request()
    sandbox.fault("stripe", fault, operation="create_session")
    assert failure_of(lambda: gateway.create_checkout(wanted)).outcome is Outcome.UNKNOWN
    found = gateway.find_order(wanted.reference)
    assert found is not None
    assert gateway.create_checkout(wanted).order_id == found.order_id
    elsewhere = replace(wanted, callback_url="https://console.test/return/another-token")
    assert gateway.create_checkout(elsewhere).order_id == found.order_id


def test_after_a_fault_that_the_key_keeps_the_order_is_opened_all_the_same(
    sandbox: RunningSandbox, gateway: Stripe
) -> None:
    wanted = request()
    sandbox.fault("stripe", "stored_500", operation="create_session")
    assert failure_of(lambda: gateway.create_checkout(wanted)).outcome is Outcome.UNKNOWN
    assert gateway.find_order(wanted.reference) is None
    elsewhere = replace(wanted, callback_url="https://console.test/return/another-token")
    assert gateway.create_checkout(elsewhere).order_id.startswith("cs_test_")
    assert gateway.create_checkout(wanted).order_id.startswith("cs_test_")


def test_many_creates_at_once_with_one_reference_open_one_session(sandbox: RunningSandbox, gateway: Stripe) -> None:
    wanted = request()
    sandbox.fault("stripe", "slow", operation="create_session", seconds=0.3)

    def create(_: int) -> str:
        try:
            return gateway.create_checkout(wanted).order_id
        except ProviderError as error:
            return error.code

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(create, range(6)))
    opened = {found for found in answers if found.startswith("cs_")}
    assert (len(opened), answers - opened <= {"idempotency_key_in_use"}) == (1, True)


@pytest.mark.parametrize(
    "amount",
    [Money(5, "ISK"), Money(1800, "UGX"), Money(1000, "JPY"), Money(5120, "KWD"), Money(50000, "MGA"), RUPEES_500],
    ids=lambda value: value.currency,
)
def test_every_kind_of_decimals_comes_back_as_it_went(sandbox: RunningSandbox, gateway: Stripe, amount: Money) -> None:
    order_id = gateway.create_checkout(request(amount=amount)).order_id
    payment_id = pay(sandbox, order_id)
    assert gateway.fetch_order(order_id).paid == gateway.fetch_payment(payment_id).captured == amount


# --- reserved money


def test_a_part_is_captured_once_and_the_rest_let_go(sandbox: RunningSandbox, gateway: Stripe) -> None:
    payment_id = paid(sandbox, gateway, manual_capture=True)
    assert gateway.fetch_payment(payment_id).state is PaymentState.AUTHORIZED
    for key in ("one", "one", "two"):
        taken = gateway.capture(payment_id, Money(30000, "INR"), key=key)
        assert (taken.captured, taken.voided, taken.refunded) == (
            Money(30000, "INR"), Money(20000, "INR"), Money(0, "INR"),
        )  # fmt: skip
    assert gateway.refunds_of(payment_id) == ()
    assert gateway.refund(back(payment_id, 300)).state is RefundState.SETTLED
    assert gateway.fetch_payment(payment_id).state is PaymentState.REFUNDED


def test_more_than_is_reserved_is_refused(sandbox: RunningSandbox, gateway: Stripe) -> None:
    payment_id = paid(sandbox, gateway, manual_capture=True)
    assert failure_of(lambda: gateway.capture(payment_id, Money(50001, "INR"))).code == "amount_too_large"
    assert gateway.fetch_payment(payment_id).captured == Money(0, "INR")


def test_a_reservation_is_voided_once_and_cannot_be_captured_then(sandbox: RunningSandbox, gateway: Stripe) -> None:
    payment_id = paid(sandbox, gateway, manual_capture=True)
    assert gateway.void(payment_id, key="v").state is PaymentState.VOIDED
    assert gateway.void(payment_id).voided == RUPEES_500
    assert failure_of(lambda: gateway.capture(payment_id, RUPEES_500)).outcome is Outcome.PERMANENT_MESSAGE


def test_a_lapsed_reservation_is_a_void(sandbox: RunningSandbox, gateway: Stripe) -> None:
    order_id = gateway.create_checkout(request(manual_capture=True)).order_id
    payment_id = pay(sandbox, order_id)
    pay(sandbox, order_id, "expire")
    lapsed = gateway.fetch_payment(payment_id)
    assert (lapsed.state, lapsed.voided, lapsed.refunded) == (PaymentState.VOIDED, RUPEES_500, Money(0, "INR"))


def test_captured_money_is_not_voided(sandbox: RunningSandbox, gateway: Stripe) -> None:
    payment_id = paid(sandbox, gateway)
    assert failure_of(lambda: gateway.void(payment_id)).code == "payment_intent_unexpected_state"


# --- refunds


def test_refunds_add_up_to_what_was_captured_and_no_further(sandbox: RunningSandbox, gateway: Stripe) -> None:
    payment_id = paid(sandbox, gateway)
    first, second = gateway.refund(back(payment_id, 200)), gateway.refund(back(payment_id, 300))
    assert {first.state, second.state} == {RefundState.SETTLED}
    assert {refund.refund_id for refund in gateway.refunds_of(payment_id)} == {first.refund_id, second.refund_id}
    assert gateway.fetch_payment(payment_id).state is PaymentState.REFUNDED
    assert failure_of(lambda: gateway.refund(back(payment_id, 1))).code == "charge_already_refunded"


def test_the_same_key_refunds_once_and_another_body_is_refused(sandbox: RunningSandbox, gateway: Stripe) -> None:
    payment_id = paid(sandbox, gateway)
    once = back(payment_id, 200)
    assert gateway.refund(once).refund_id == gateway.refund(once).refund_id
    other = replace(once, amount=Money(100, "INR"))
    assert failure_of(lambda: gateway.refund(other)).code == "idempotency_error"
    assert gateway.fetch_payment(payment_id).refunded == Money(20000, "INR")


@pytest.mark.parametrize("fault", ["reset", "malformed", "stored_500"])
def test_after_an_unclear_refund_asking_and_repeating_pays_once(
    sandbox: RunningSandbox, gateway: Stripe, fault: str
) -> None:
    payment_id = paid(sandbox, gateway)
    wanted = back(payment_id, 200)
    sandbox.fault("stripe", fault, operation="create_refund")
    assert failure_of(lambda: gateway.refund(wanted)).outcome is Outcome.UNKNOWN
    found = gateway.find_refund(payment_id, wanted.reference)
    assert (found is None) == (fault == "stored_500")
    assert gateway.refund(wanted).amount == Money(20000, "INR")
    assert gateway.fetch_payment(payment_id).refunded == Money(20000, "INR")


def test_a_slow_answer_is_a_time_out_and_the_refund_is_found(sandbox: RunningSandbox, gateway: Stripe) -> None:
    payment_id = paid(sandbox, gateway)
    wanted = back(payment_id, 200)
    sandbox.fault("stripe", "timeout", operation="create_refund", seconds=20)
    error = failure_of(lambda: opened(sandbox, Timeouts(30, 1.5)).refund(wanted))
    assert (error.outcome, error.code) == (Outcome.UNKNOWN, "timed_out")
    assert gateway.find_refund(payment_id, wanted.reference) is not None


def test_a_refund_can_fail_after_it_succeeded(sandbox: RunningSandbox, gateway: Stripe) -> None:
    payment_id = paid(sandbox, gateway)
    refund = gateway.refund(back(payment_id, 500))
    sandbox.post(f"/_control/refunds/stripe/{refund.refund_id}", {"status": "failed"})
    assert gateway.fetch_refund(refund.refund_id).state is RefundState.FAILED
    assert gateway.fetch_payment(payment_id).state is PaymentState.CAPTURED
    assert gateway.refund(back(payment_id, 500)).state is RefundState.SETTLED
