"""Taking reserved money: whole, once, and found again after an unclear answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from app.core import clock
from app.core.errors import AppError, Invalid, ProviderUnavailable
from app.core.tenant import db, tenant_scope
from app.payments.errors import CannotVoid, NothingToCapture
from app.payments.jobs import sweep_payments
from app.payments.models import Payment
from app.payments.services import ask_gateway, capture_payment, start_checkout, void_payment
from tests.factories.payments import make_payment, reread, rupees
from tests.payments.jobs import run_jobs
from tests.sandbox_server import RunningSandbox


@pytest.fixture
def reserved(gateway: RunningSandbox) -> Payment:
    """A payment whose money is reserved at the gateway."""
    payment = make_payment(rupees("800"), manual_capture=True)
    gateway.pay(start_checkout(payment.id).order_id, webhook=False)
    ask_gateway(payment.id)
    assert reread(payment).status == "AUTHORIZED"
    return payment


def captures(gateway: RunningSandbox) -> int:
    return gateway.call_counts("razorpay").get("capture_payment", 0)


def test_a_reserved_amount_is_captured_once(gateway: RunningSandbox, reserved: Payment) -> None:
    capture_payment(reserved.id)
    assert reread(reserved).status == "COMPLETED"
    with pytest.raises(NothingToCapture):
        capture_payment(reserved.id)
    assert captures(gateway) == 1


def test_twenty_captures_at_once_are_one(app: Any, clinic: Any, gateway: RunningSandbox, reserved: Payment) -> None:
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
        answers = sorted(pool.map(work, range(20)))
    assert answers.count("CAPTURED") == 1
    assert set(answers) <= {"CAPTURED", "OPERATION_UNDER_WAY", "NOTHING_TO_CAPTURE"}
    assert (captures(gateway), reread(reserved).captured) == (1, rupees("800"))


def test_a_part_is_refused_where_the_gateway_takes_all_or_nothing(reserved: Payment) -> None:
    for amount in ("400", "800.01", "0"):
        with pytest.raises(Invalid):
            capture_payment(reserved.id, rupees(amount))
    assert reread(reserved).status == "AUTHORIZED"


def test_an_unclear_capture_is_unknown_until_the_gateway_is_asked(gateway: RunningSandbox, reserved: Payment) -> None:
    gateway.fault("razorpay", "reset", operation="capture_payment")
    with pytest.raises(ProviderUnavailable):
        capture_payment(reserved.id)
    assert reread(reserved).status == "UNKNOWN"
    with clock.travel(timedelta(seconds=6)):
        sweep_payments()
        run_jobs()
    assert (reread(reserved).status, captures(gateway)) == ("COMPLETED", 1)


def test_check_now_finishes_a_capture_that_was_not_carried_out(gateway: RunningSandbox, reserved: Payment) -> None:
    gateway.fault("razorpay", "500", operation="capture_payment", before=True)
    with pytest.raises(ProviderUnavailable):
        capture_payment(reserved.id)
    assert reread(reserved).status == "UNKNOWN"
    ask_gateway(reserved.id)
    assert (reread(reserved).status, captures(gateway)) == ("COMPLETED", 2)


def test_reserved_money_cannot_be_voided_by_us(reserved: Payment) -> None:
    with pytest.raises(CannotVoid):
        void_payment(reserved.id)


def test_a_payment_that_was_made_in_the_meantime_is_not_voided(gateway: RunningSandbox) -> None:
    payment = make_payment()
    gateway.pay(start_checkout(payment.id).order_id, webhook=False)
    with pytest.raises(CannotVoid):
        void_payment(payment.id)
    assert reread(payment).status == "COMPLETED"


def test_a_payment_that_nobody_made_is_voided(gateway: RunningSandbox) -> None:
    payment = make_payment()
    start_checkout(payment.id)
    void_payment(payment.id)
    assert reread(payment).status == "VOIDED"


def test_a_reservation_that_lapses_is_a_void(gateway: RunningSandbox, reserved: Payment) -> None:
    gateway.pay(reread(reserved).order_id, "expire", webhook=False)
    ask_gateway(reserved.id)
    assert reread(reserved).status == "VOIDED"
    assert reread(reserved).refunds == []
