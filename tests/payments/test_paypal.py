"""A PayPal payment through the real services: approved, taken once, found again, given back."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests

from app.core import clock
from app.core.errors import ProviderUnavailable
from app.core.tenant import db, tenant_scope
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.jobs import sweep_payments
from app.payments.models import OperationStatus
from app.payments.services import (
    ask_gateway,
    handle_return,
    process_webhook,
    start_checkout,
    void_payment,
)
from tests.factories.payments import reread
from tests.payments.jobs import run_jobs
from tests.payments.paypal import (
    approve,
    captures,
    completed,
    deliver,
    dollars,
    make_paypal_payment,
    operations,
    refund_on_the_dashboard,
    told,
)
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Server

# ---- checkout, approval, capture ----


def test_from_the_checkout_to_the_completed_payment_by_webhooks(
    paypal: RunningSandbox, clinic: Any, paypal_inbox: Server
) -> None:
    payment = make_paypal_payment("80")
    checkout = start_checkout(payment.id)
    assert (checkout.method, checkout.url) == ("GET", f"{paypal.paypal_url}/checkoutnow?token={checkout.order_id}")
    page = requests.get(checkout.url, timeout=60)
    assert "$80.00" in page.text
    paypal.pay(checkout.order_id, gateway="paypal")
    assert (reread(payment).status, captures(paypal)) == ("PENDING", 0)

    deliver(clinic.id, told(paypal_inbox, "CHECKOUT.ORDER.APPROVED"))
    run_jobs()
    paid = reread(payment)
    assert (paid.status, paid.captured, captures(paypal)) == ("COMPLETED", dollars("80"), 1)
    assert paid.attempts[0].fee == dollars("3.28")
    assert [operation.status for operation in operations(payment)] == [OperationStatus.DONE]

    deliver(clinic.id, told(paypal_inbox, "PAYMENT.CAPTURE.COMPLETED"))
    run_jobs()
    assert (captures(paypal), completed(payment)) == (1, 1)
    assert balance(AccountCode.GATEWAY_FEES, currency="USD") == dollars("3.28")


def test_the_return_page_takes_the_money_by_itself(paypal: RunningSandbox) -> None:
    payment = make_paypal_payment()
    order_id = approve(payment, paypal)
    result = handle_return(payment.id, {"token": order_id, "PayerID": "QYR5Z8XDVJNXQ"})
    assert (result.status, result.checking, captures(paypal)) == ("COMPLETED", False, 1)


def test_return_page_and_webhook_at_the_same_time_capture_once(
    app: Any, paypal: RunningSandbox, clinic: Any, paypal_inbox: Server
) -> None:
    payment = make_paypal_payment()
    order_id = approve(payment, paypal)
    (webhook_id,) = deliver(clinic.id, told(paypal_inbox, "CHECKOUT.ORDER.APPROVED"))
    payment_id = payment.id
    paypal.fault("paypal", "slow", operation="capture_order", seconds=0.5)
    db.session.rollback()

    def work(number: int) -> None:
        with app.app_context(), tenant_scope(clinic.id):
            if number % 2:
                process_webhook(webhook_id)
            else:
                handle_return(payment_id, {"token": order_id})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    run_jobs()
    assert (captures(paypal), reread(payment).captured) == (1, dollars("80"))
    assert (len(operations(payment)), completed(payment)) == (1, 1)


def test_the_events_of_a_payment_in_every_order_end_in_the_same_state(
    paypal: RunningSandbox, clinic: Any, paypal_inbox: Server
) -> None:
    names = ("CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.REFUNDED")
    for order in itertools.permutations(range(3)):
        paypal_inbox.received.clear()
        payment = make_paypal_payment("50")
        approve(payment, paypal)
        ask_gateway(payment.id)
        refund_on_the_dashboard(paypal, reread(payment).gateway_payment_id, "20.00")
        calls = told(paypal_inbox, *names)
        for at in order:
            deliver(clinic.id, [calls[at], calls[at]])
            run_jobs()
        done = reread(payment)
        assert (done.status, done.captured, done.refunded) == ("PARTIALLY_REFUNDED", dollars("50"), dollars("20"))
        assert (len(done.refunds), completed(payment)) == (1, 1)
    assert captures(paypal) == 6


def test_a_declined_instrument_can_be_replaced(paypal: RunningSandbox) -> None:
    payment = make_paypal_payment()
    order_id = approve(payment, paypal, "failure")
    result = handle_return(payment.id, {"token": order_id})
    assert (result.status, bool(result.failure)) == ("FAILED", True)
    assert [item.error_code for item in operations(payment)] == ["INSTRUMENT_DECLINED"]
    with clock.travel(timedelta(minutes=3)):
        sweep_payments()
        run_jobs()
    assert captures(paypal) == 1  # the poller does not try a declined instrument again
    assert start_checkout(payment.id).order_id == order_id
    paypal.pay(order_id, gateway="paypal")
    assert handle_return(payment.id, {"token": order_id}).status == "COMPLETED"
    assert [item.status for item in operations(payment)] == [OperationStatus.FAILED, OperationStatus.DONE]


def test_whoever_came_back_without_approving_still_can(paypal: RunningSandbox) -> None:
    payment = make_paypal_payment()
    order_id = start_checkout(payment.id).order_id
    assert handle_return(payment.id, {"token": order_id}).status == "PENDING"
    assert captures(paypal) == 0
    assert start_checkout(payment.id).order_id == order_id


def test_an_approval_that_nobody_told_us_of_is_taken_by_the_poller(paypal: RunningSandbox) -> None:
    payment = make_paypal_payment()
    approve(payment, paypal)
    with clock.travel(timedelta(minutes=3)):
        assert sweep_payments() >= 1
        run_jobs()
    assert (reread(payment).status, captures(paypal)) == ("COMPLETED", 1)


def test_an_approval_of_a_payment_that_was_given_up_is_not_taken(paypal: RunningSandbox) -> None:
    payment = make_paypal_payment()
    order_id = start_checkout(payment.id).order_id
    void_payment(payment.id)
    paypal.pay(order_id, gateway="paypal")
    ask_gateway(payment.id)
    assert (reread(payment).status, captures(paypal)) == ("VOIDED", 0)


def test_an_order_that_lapsed_is_replaced_by_another(paypal: RunningSandbox) -> None:
    payment = make_paypal_payment()
    first = approve(payment, paypal)
    paypal.pay(first, "expire", gateway="paypal")
    second = start_checkout(payment.id).order_id
    assert second != first
    paypal.pay(second, gateway="paypal")
    ask_gateway(payment.id)
    assert (reread(payment).status, reread(payment).order_id) == ("COMPLETED", second)


def test_a_capture_under_review_completes_later(paypal: RunningSandbox, clinic: Any, paypal_inbox: Server) -> None:
    payment = make_paypal_payment()
    paypal.fault("paypal", "capture_pending", seconds=0.2)
    approve(payment, paypal)
    ask_gateway(payment.id)
    assert (reread(payment).status, captures(paypal)) == ("PENDING", 1)
    deliver(clinic.id, told(paypal_inbox, "PAYMENT.CAPTURE.COMPLETED"))
    run_jobs()
    assert (reread(payment).status, captures(paypal)) == ("COMPLETED", 1)


# ---- unknown outcomes ----


@pytest.mark.parametrize("fault", ["reset", "500"])
def test_an_unclear_capture_is_unknown_until_it_is_found(paypal: RunningSandbox, fault: str) -> None:
    payment = make_paypal_payment()
    order_id = approve(payment, paypal)
    paypal.fault("paypal", fault, operation="capture_order", before=False)
    assert handle_return(payment.id, {"token": order_id}).checking
    assert (reread(payment).status, operations(payment)[0].status) == ("UNKNOWN", OperationStatus.UNKNOWN)
    with clock.travel(timedelta(seconds=6)):
        sweep_payments()
        run_jobs()
    assert (reread(payment).status, captures(paypal)) == ("COMPLETED", 1)
    assert completed(payment) == 1


def test_a_capture_that_was_not_carried_out_is_carried_out_with_its_key(paypal: RunningSandbox) -> None:
    payment = make_paypal_payment()
    approve(payment, paypal)
    paypal.fault("paypal", "500", operation="capture_order")
    with pytest.raises(ProviderUnavailable):
        ask_gateway(payment.id)
    assert reread(payment).status == "UNKNOWN"
    ask_gateway(payment.id)
    assert (reread(payment).status, captures(paypal)) == ("COMPLETED", 2)
    keys = {call["headers"]["Paypal-Request-Id"] for call in paypal.calls("paypal", "capture_order")}
    assert keys == {operations(payment)[0].key}


def test_without_a_token_the_capture_waits_for_its_turn(paypal: RunningSandbox) -> None:
    payment = make_paypal_payment()
    approve(payment, paypal)
    paypal.fault("paypal", "429", operation="capture_order")
    with pytest.raises(ProviderUnavailable):
        ask_gateway(payment.id)
    assert (reread(payment).status, operations(payment)[0].status) == ("PENDING", OperationStatus.STARTED)
    with clock.travel(timedelta(seconds=10)):
        sweep_payments()
        run_jobs()
    assert (reread(payment).status, len(operations(payment))) == ("COMPLETED", 1)


@pytest.mark.parametrize("fault", ["reset", "malformed"])
def test_an_order_whose_answer_was_lost_is_opened_once(paypal: RunningSandbox, fault: str) -> None:
    payment = make_paypal_payment()
    paypal.fault("paypal", fault, operation="create_order")
    with pytest.raises(ProviderUnavailable):
        start_checkout(payment.id)
    assert reread(payment).status == "UNKNOWN"
    order_id = start_checkout(payment.id).order_id
    keys = {call["headers"]["Paypal-Request-Id"] for call in paypal.calls("paypal", "create_order")}
    assert (reread(payment).order_id, len(keys)) == (order_id, 1)


def test_a_worker_that_died_before_or_after_the_capture_is_noticed(paypal: RunningSandbox) -> None:
    """Killed after the claim was committed: whether PayPal was called, nobody here knows."""
    from app.core.transaction import unit_of_work
    from app.payments.services.captures import _collect, _take_up, note_approval
    from app.payments.services.sums import locked

    for called in (False, True):
        payment = make_paypal_payment()
        approve(payment, paypal)
        with unit_of_work():
            note_approval(locked(payment.id), at_once=True)
            task = _take_up(locked(payment.id), at_once=True)
        assert task is not None
        if called:
            _collect(task)
        ask_gateway(payment.id)  # somebody else still holds the claim: nothing more is called
        before = captures(paypal)
        with clock.travel(timedelta(seconds=61)):
            sweep_payments()
            run_jobs()
        assert (reread(payment).status, completed(payment)) == ("COMPLETED", 1)
        assert captures(paypal) == before + (0 if called else 1)
