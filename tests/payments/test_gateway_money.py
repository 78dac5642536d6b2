"""What holds at every gateway of money that it reserved, took, gives back and pays out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from app.core import clock
from app.core.errors import AppError, ProviderUnavailable
from app.core.money import Money
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.jobs import sweep_payments
from app.payments.models import Payment, Refund
from app.payments.queries import get_payment
from app.payments.services import (
    approve_refund,
    ask_gateway,
    capture_payment,
    carry_out_run,
    plan_run,
    request_refund,
    send_refund,
    start_checkout,
    void_payment,
)
from tests.daytime import ZONE_NAME
from tests.factories.payments import reread, rupees
from tests.payments.gateway_accounts import GatewayClinic, paid
from tests.payments.jobs import run_jobs

Refunding = Callable[[Payment, str], Refund]
WHY_REFUNDS_FAIL = {"stripe": "Expired or canceled card"}  # Razorpay tells no reason


@pytest.fixture
def gateway(any_gateway: GatewayClinic) -> GatewayClinic:
    """Each gateway in turn, instead of the one of the other tests."""
    return any_gateway


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
    assert reread(refund).error_text == WHY_REFUNDS_FAIL.get(gateway.account.code, "")


def test_twenty_desks_and_twenty_workers_refund_no_more_than_was_captured(
    app: Any, clinic: Any, gateway: GatewayClinic, acting: Callable[..., Any]
) -> None:
    """Of twenty refunds of 150 only five fit into 800; each is one call, however many workers send it."""
    payment_id = paid(gateway).id
    db.session.rollback()

    def ask(_: int) -> str | None:
        with app.app_context(), tenant_scope(clinic.id):
            try:
                with acting("FINANCE_BILLING"), unit_of_work():
                    refund = request_refund(get_payment(payment_id), rupees("150"), "too much")
                    if refund.status == "REQUESTED":
                        approve_refund(refund)
                    return str(refund.id)
            except AppError as error:
                assert error.code == "REFUND_TOO_LARGE"
                return None

    def send(refund_id: str) -> None:
        with app.app_context(), tenant_scope(clinic.id):
            send_refund(refund_id)

    with ThreadPoolExecutor(20) as pool:
        asked = [refund_id for refund_id in pool.map(ask, range(20)) if refund_id]
        list(pool.map(send, asked * 4))
    run_jobs()
    ask_gateway(payment_id)
    with unit_of_work():
        found = get_payment(payment_id)
        assert (len(asked), found.refunded, len(found.refunds)) == (5, rupees("750"), 5)
    assert gateway.calls(gateway.account.refunds) == 5


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
    today = clock.today(ZONE_NAME)
    with unit_of_work():
        run = plan_run(gateway.account_id, today - timedelta(days=1), today + timedelta(days=1))
    carry_out_run(run.id)
    assert (reread(run).status, run.line_count, run.found_count) == ("DONE", 2, 0)
    assert balance(AccountCode.BANK) - before == Money(settled["amount"], "INR")
    assert balance(AccountCode.GATEWAY_CLEARING) == Money(0, "INR")
