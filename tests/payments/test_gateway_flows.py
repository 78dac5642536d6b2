"""What holds at every gateway, from the hosted page through signed webhooks, whatever breaks on the way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from app.core import clock
from app.core.errors import AppError, ProviderUnavailable, Unauthorized
from app.core.tenant import db, require_clinic, tenant_scope
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.jobs import sweep_payments
from app.payments.models import Payment, WebhookStatus
from app.payments.services import (
    ask_gateway,
    receive_webhook,
    start_checkout,
    void_payment,
)
from tests.factories.payments import reread, rupees
from tests.payments.gateway_accounts import GatewayClinic, paid, stored_webhooks
from tests.payments.jobs import run_jobs
from tests.scripted_server import Received
from tests.waiting import wait_until

FEE = rupees("18.88")  # two per cent and 18 % tax on it, at every gateway of the sandbox


@pytest.fixture
def gateway(any_gateway: GatewayClinic) -> GatewayClinic:
    """Each gateway in turn, instead of the one of the other tests."""
    return any_gateway


def shape(payment: Payment) -> tuple[Any, ...]:
    """What must not depend on the order of events."""
    found = reread(payment)
    refunds = sorted((refund.status, refund.amount_minor, refund.external) for refund in found.refunds)
    return found.status, found.captured_minor, found.refunded_minor, found.pending_minor, refunds


# --- paying


def test_a_paid_page_completes_the_payment_by_its_webhooks(gateway: GatewayClinic) -> None:
    payment = gateway.payment()
    gateway.pay(start_checkout(payment.id).order_id)
    gateway.deliver()
    assert reread(payment).status == "COMPLETED"
    assert balance(AccountCode.PATIENT_CREDIT) == rupees("800")
    assert {row.status for row in stored_webhooks()} <= {WebhookStatus.PROCESSED, WebhookStatus.IGNORED}


def test_the_gateways_fee_reaches_the_books_once(gateway: GatewayClinic) -> None:
    if not gateway.account.tells_fee:
        pytest.skip("the gateway tells its fee in the settlement only")
    payment = gateway.payment()
    gateway.pay(start_checkout(payment.id).order_id)
    gateway.deliver()
    ask_gateway(payment.id)
    ask_gateway(payment.id)
    attempt = next(item for item in reread(payment).attempts if item.captured_minor)
    assert attempt.fee == FEE


def test_the_return_of_the_payer_finds_the_money_without_any_webhook(gateway: GatewayClinic) -> None:
    payment = paid(gateway)
    assert (payment.status, payment.captured) == ("COMPLETED", rupees("800"))


def test_a_declined_attempt_fails_and_the_next_one_pays(gateway: GatewayClinic) -> None:
    payment = gateway.payment()
    order_id = start_checkout(payment.id).order_id
    gateway.pay(order_id, "failure")
    gateway.deliver()
    assert reread(payment).status == "FAILED"
    assert reread(payment).failure_code
    assert start_checkout(payment.id).order_id == order_id
    gateway.pay(order_id)
    gateway.deliver()
    assert (reread(payment).status, reread(payment).failure_code) == ("COMPLETED", "")


def test_twenty_starts_at_once_open_one_order(app: Any, clinic: Any, gateway: GatewayClinic) -> None:
    payment = gateway.payment()
    payment_id = payment.id
    db.session.rollback()

    def start(_: int) -> str:
        with app.app_context(), tenant_scope(clinic.id):
            try:
                return start_checkout(payment_id).order_id
            except AppError as error:
                return str(error.code)

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(start, range(20)))
    assert gateway.calls(gateway.account.creates) == 1
    assert answers <= {reread(payment).order_id, "OPERATION_UNDER_WAY"}


@pytest.mark.parametrize("fault", ["reset", "malformed"])
def test_an_unclear_answer_is_unknown_until_the_poller_finds_the_order(gateway: GatewayClinic, fault: str) -> None:
    payment = gateway.payment()
    gateway.fault(fault, gateway.account.creates)
    with pytest.raises(ProviderUnavailable):
        start_checkout(payment.id)
    assert reread(payment).status == "UNKNOWN"
    with clock.travel(timedelta(seconds=6)):
        sweep_payments()
        run_jobs()
    assert (reread(payment).status, gateway.calls(gateway.account.creates)) == ("PENDING", 1)
    assert start_checkout(payment.id).order_id == reread(payment).order_id


def test_events_that_come_before_the_answer_to_the_create_call_count(gateway: GatewayClinic) -> None:
    payment = gateway.payment()
    gateway.fault("reset", gateway.account.creates)
    with pytest.raises(ProviderUnavailable):
        start_checkout(payment.id)
    from app.payments.services.gateway import open_gateway

    opened = open_gateway(reread(payment).account_id).find_order(payment.id)
    db.session.rollback()
    assert opened is not None
    gateway.pay(opened.order_id)
    gateway.deliver()
    with clock.travel(timedelta(minutes=2)):
        sweep_payments()
        run_jobs()
    assert shape(payment) == ("COMPLETED", 80_000, 0, 0, [])
    assert gateway.calls(gateway.account.creates) == 1


# --- webhooks


def test_a_webhook_ten_times_and_from_ten_workers_counts_once(app: Any, clinic: Any, gateway: GatewayClinic) -> None:
    payment = gateway.payment()
    gateway.pay(start_checkout(payment.id).order_id)
    calls = gateway.posted()
    db.session.rollback()

    def send(number: int) -> None:
        with app.app_context(), tenant_scope(clinic.id):
            for call in calls if number % 2 else reversed(calls):
                receive_webhook(gateway.account.code, clinic.id, call.body, call.headers)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(send, range(10)))
    run_jobs()
    assert len(stored_webhooks()) == len(calls)
    assert reread(payment).captured == balance(AccountCode.PATIENT_CREDIT) == rupees("800")


def test_in_whatever_order_the_events_of_a_payment_come_they_end_in_the_same_state(gateway: GatewayClinic) -> None:
    """A declined attempt, a success, and a refund from the vendor's dashboard; every order of their events."""
    known = _story(gateway)[1]
    assert len(known) == len(gateway.account.decisive)
    orders = list(permutations(range(len(known))))
    ends = set()
    for order in orders:
        payment, calls = _story(gateway)
        gateway.hand_on(*(calls[at] for at in order))
        gateway.hand_on(*(calls[at] for at in order))
        for later in (timedelta(seconds=15), timedelta(minutes=3), timedelta(minutes=12)):
            with clock.travel(later):
                sweep_payments()
                run_jobs()
        ends.add(str(shape(payment)))
    assert ends == {str(("PARTIALLY_REFUNDED", 80_000, 30_000, 0, [("SETTLED", 30_000, True)]))}


def _story(gateway: GatewayClinic) -> tuple[Payment, list[Received]]:
    payment = gateway.payment()
    order_id = start_checkout(payment.id).order_id
    gateway.pay(order_id, "failure")
    gateway_id = gateway.pay(order_id)["paymentId"]
    assert gateway.account.refund_at_dashboard(gateway.sandbox, gateway_id, 30_000).ok
    calls = gateway.posted()
    wanted = [f'"{event}"' for event in gateway.account.decisive]
    told = [call for call in calls if any(event in call.body.decode() for event in wanted)]
    return payment, told


def test_a_forged_webhook_changes_nothing(gateway: GatewayClinic) -> None:
    payment = gateway.payment()
    gateway.pay(start_checkout(payment.id).order_id)
    genuine = gateway.posted()[-1]
    db.session.rollback()
    for body, headers in (
        (genuine.body.replace(b"80000", b"80001"), genuine.headers),
        (genuine.body, {}),
        (genuine.body + b" ", genuine.headers),
    ):
        with pytest.raises(Unauthorized):
            receive_webhook(gateway.account.code, require_clinic(), body, headers)
    assert stored_webhooks() == []
    assert reread(payment).status == "PENDING"


# --- giving up


def test_a_payment_that_nobody_made_is_given_up(gateway: GatewayClinic) -> None:
    payment = gateway.payment()
    start_checkout(payment.id)
    void_payment(payment.id)
    assert reread(payment).status == "VOIDED"


def test_a_silent_gateway_is_seen_and_changes_nothing(gateway: GatewayClinic) -> None:
    payment = gateway.payment()
    start_checkout(payment.id)
    gateway.fault("500", count=6)
    with pytest.raises(ProviderUnavailable):
        ask_gateway(payment.id)
    assert reread(payment).status == "PENDING"
    wait_until(lambda: bool(gateway.calls(gateway.account.creates)))
