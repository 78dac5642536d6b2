"""What holds at every gateway, from the hosted page through signed webhooks to the books, whatever breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from app.core import clock
from app.core.errors import AppError, ProviderUnavailable, Unauthorized
from app.core.money import Money
from app.core.tenant import db, require_clinic, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.jobs import sweep_payments
from app.payments.models import Payment, Refund, WebhookStatus
from app.payments.services import (
    approve_refund,
    ask_gateway,
    capture_payment,
    carry_out_run,
    plan_run,
    receive_webhook,
    request_refund,
    send_refund,
    start_checkout,
    void_payment,
)
from tests.factories.payments import reread, rupees
from tests.payments.gateway_accounts import ACCOUNTS, GatewayAccount, GatewayClinic, stored_webhooks
from tests.payments.jobs import run_jobs
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Received, answer, scripted_server
from tests.waiting import wait_until

Refunding = Callable[[Payment, str], Refund]
FEE = rupees("18.88")  # two per cent and 18 % tax on it, at every gateway of the sandbox


@pytest.fixture(params=ACCOUNTS, ids=lambda account: account.code)
def gateway(request: pytest.FixtureRequest, gateway_server: RunningSandbox, in_clinic: Any) -> Iterator[GatewayClinic]:
    account: GatewayAccount = request.param
    with scripted_server() as inbox:
        inbox.will(answer(200, {}))
        clinic = GatewayClinic(account, gateway_server, inbox)
        clinic.connect()
        yield clinic
        gateway_server.reset()
        gateway_server.account(account.code, **account.fields, webhookUrl=None)


def paid(gateway: GatewayClinic, **overrides: Any) -> Payment:
    payment = gateway.payment(**overrides)
    gateway.pay(start_checkout(payment.id).order_id, webhook=False)
    ask_gateway(payment.id)
    found: Payment = reread(payment)
    return found


@pytest.fixture
def refund_of(acting: Callable[..., Any]) -> Refunding:
    """A refund that one person asked for and another approved; its sending is left to the worker."""

    def ask(payment: Payment, amount: str) -> Refund:
        with acting("FINANCE_BILLING"), unit_of_work():
            refund = request_refund(payment, rupees(amount), "visit cancelled")
        if reread(refund).status == "REQUESTED":
            with acting("CLINIC_ADMIN"), unit_of_work():
                approve_refund(refund)
        return refund

    return ask


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


# --- reserved money


@pytest.fixture
def reserved(gateway: GatewayClinic) -> Payment:
    if not gateway.capabilities.manual_capture:
        pytest.skip("the gateway reserves nothing")
    payment = paid(gateway, manual_capture=True)
    assert payment.status == "AUTHORIZED"
    return payment


def test_reserved_money_is_captured_once_by_twenty_at_once(
    app: Any, clinic: Any, gateway: GatewayClinic, reserved: Payment
) -> None:
    payment_id = reserved.id
    db.session.rollback()

    def work(_: int) -> str:
        with app.app_context(), tenant_scope(clinic.id):
            try:
                capture_payment(payment_id)
            except AppError as error:
                return str(error.code)
            return "CAPTURED"

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(work, range(20)))
    assert answers.count("CAPTURED") == 1
    assert (gateway.calls(gateway.account.captures), reread(reserved).captured) == (1, rupees("800"))


def test_a_part_is_captured_and_the_rest_let_go_where_the_gateway_can(
    gateway: GatewayClinic, reserved: Payment, refund_of: Refunding
) -> None:
    if not gateway.capabilities.partial_capture:
        pytest.skip("the gateway captures the whole amount only")
    capture_payment(reserved.id, rupees("500"))
    taken = reread(reserved)
    assert (taken.status, taken.captured) == ("COMPLETED", rupees("500"))
    gateway.deliver()
    ask_gateway(reserved.id)
    assert (reread(reserved).captured, reread(reserved).refunds) == (rupees("500"), [])
    refund_of(reserved, "500")
    run_jobs()
    assert reread(reserved).status == "REFUNDED"


def test_reserved_money_is_let_go_where_the_gateway_can(gateway: GatewayClinic, reserved: Payment) -> None:
    if not gateway.capabilities.void:
        pytest.skip("the gateway lets go by itself only")
    void_payment(reserved.id)
    assert reread(reserved).status == "VOIDED"
    gateway.deliver()
    assert (reread(reserved).status, reread(reserved).captured) == ("VOIDED", Money(0, "INR"))


def test_a_reservation_that_lapses_is_a_void(gateway: GatewayClinic, reserved: Payment) -> None:
    gateway.pay(reread(reserved).order_id, "expire")
    gateway.deliver()
    assert (reread(reserved).status, reread(reserved).refunds) == ("VOIDED", [])


@pytest.mark.parametrize("fault", ["reset", "malformed", "500"])
def test_an_unclear_capture_takes_the_money_once(gateway: GatewayClinic, reserved: Payment, fault: str) -> None:
    gateway.fault(fault, gateway.account.captures)
    with pytest.raises(ProviderUnavailable):
        capture_payment(reserved.id)
    assert reread(reserved).status == "UNKNOWN"
    ask_gateway(reserved.id)
    assert reread(reserved).captured == rupees("800")


# --- refunds


def test_a_refund_reaches_the_payer_and_the_books_once(gateway: GatewayClinic, refund_of: Refunding) -> None:
    payment = paid(gateway)
    refund = refund_of(payment, "300")
    run_jobs()
    for _ in range(2):
        send_refund(refund.id)
        gateway.deliver()
    assert gateway.calls(gateway.account.refunds) == 1
    assert (reread(refund).status, reread(payment).status) == ("SETTLED", "PARTIALLY_REFUNDED")
    assert reread(payment).refunded == rupees("300")


@pytest.mark.parametrize("fault", ["reset", "malformed", "500"])
def test_an_unclear_refund_pays_once(gateway: GatewayClinic, fault: str, refund_of: Refunding) -> None:
    payment = paid(gateway)
    refund = refund_of(payment, "300")
    gateway.fault(fault, gateway.account.refunds)
    run_jobs()
    assert reread(refund).status == "APPROVED"
    with clock.travel(timedelta(seconds=6)):
        sweep_payments()
        run_jobs()
    assert reread(refund).status == "SETTLED"
    ask_gateway(payment.id)
    assert (reread(payment).refunded, len(reread(payment).refunds)) == (rupees("300"), 1)


def test_a_pending_refund_that_fails_gives_its_amount_free_again(gateway: GatewayClinic, refund_of: Refunding) -> None:
    payment = paid(gateway)
    gateway.fault("refund_failed", seconds=30)
    refund = refund_of(payment, "800")
    run_jobs()
    assert reread(refund).status == "SENT"
    assert reread(payment).refundable == Money(0, "INR")
    gateway.end_refund(reread(refund).gateway_refund_id, "failed")
    gateway.deliver()
    assert (reread(refund).status, reread(payment).status) == ("FAILED", "COMPLETED")
    assert reread(payment).refundable == rupees("800")


# --- payouts


def test_a_payout_fits_the_books_and_empties_the_clearing_account(gateway: GatewayClinic, refund_of: Refunding) -> None:
    """A payment, a refund of a part, the gateway's fee: each line is known, and the net is in the bank."""
    payment = gateway.payment()
    gateway.pay(start_checkout(payment.id).order_id)
    gateway.deliver()
    ask_gateway(payment.id)
    refund_of(payment, "300")
    run_jobs()
    gateway.deliver()
    before = balance(AccountCode.BANK)
    (settled,) = gateway.sandbox.settle(provider=gateway.account.code)
    today = clock.today("Asia/Kolkata")
    with unit_of_work():
        run = plan_run(gateway.account_id, today - timedelta(days=1), today)
    carry_out_run(run.id)
    assert (reread(run).status, run.line_count, run.found_count) == ("DONE", 2, 0)
    assert balance(AccountCode.BANK) - before == Money(settled["amount"], "INR")
    assert balance(AccountCode.GATEWAY_CLEARING) == Money(0, "INR")


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
