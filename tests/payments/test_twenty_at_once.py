"""Twenty threads pay, ask, capture and refund one payment at the same time: totals are right, each call is one."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.core.errors import AppError
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.payments.models import OperationKind, OperationStatus, Payment, PaymentOperation
from app.payments.queries import get_payment
from app.payments.services import (
    approve_refund,
    ask_gateway,
    capture_payment,
    request_refund,
    send_refund,
    start_checkout,
)
from tests.factories.payments import reread, rupees
from tests.payments.gateway_accounts import GatewayClinic
from tests.payments.jobs import run_jobs

PATIENCE_SECONDS = 60
Step = Callable[[], bool]


class Crowd:
    """Persons who each try their deed until the payment says that it is done."""

    def __init__(self, gateway: GatewayClinic, payment_id: str, acting: Callable[..., Any]) -> None:
        self.gateway, self.payment_id, self.acting = gateway, payment_id, acting
        self.refused: list[str] = []

    def look(self) -> tuple[str | None, int, int]:
        with unit_of_work():
            found = get_payment(self.payment_id)
            return found.order_id, found.authorized_minor, found.captured_minor

    def start(self) -> bool:
        start_checkout(self.payment_id)
        return bool(self.look()[1])

    def pay(self) -> bool:
        order_id = self.look()[0]
        if order_id is not None:
            self.gateway.pay(order_id, webhook=False)
        return order_id is not None

    def ask(self) -> bool:
        ask_gateway(self.payment_id)
        return bool(self.look()[2])

    def capture(self) -> bool:
        capture_payment(self.payment_id)
        return True

    def refund(self) -> bool:
        if not self.look()[2]:
            return False
        with self.acting("FINANCE_BILLING"), unit_of_work():
            refund = request_refund(get_payment(self.payment_id), rupees("200"), "too many visits")
            approve_refund(refund)
            refund_id = refund.id
        send_refund(refund_id)
        return True


def try_until_done(crowd: Crowd, deed: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            if getattr(crowd, deed)():
                return
        except AppError as error:
            if error.code in ("REFUND_TOO_LARGE", "NOTHING_TO_PAY") or (deed == "capture" and crowd.look()[2]):
                crowd.refused.append(f"{deed} {error.code}")
                return
            assert error.code in ("OPERATION_UNDER_WAY", "NOTHING_TO_CAPTURE"), error.code
        time.sleep(0.02)
    pytest.fail(f"never done: {deed}")


@pytest.mark.parametrize("manual", [True, False], ids=["reserved first", "taken at once"])
def test_twenty_persons_and_one_payment(
    app: Any, clinic: Any, any_gateway: GatewayClinic, acting: Callable[..., Any], manual: bool
) -> None:
    gateway = any_gateway
    payment: Payment = gateway.payment(manual_capture=manual)
    crowd = Crowd(gateway, payment.id, acting)
    db.session.rollback()

    def work(deed: str) -> None:
        with app.app_context(), tenant_scope(clinic.id):
            try_until_done(crowd, deed)

    deeds = ["start", "ask", "capture" if manual else "ask", "refund"] * 5
    deeds[0] = "pay"
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, deeds))
    run_jobs()
    ask_gateway(payment.id)

    calls = gateway.account
    assert gateway.calls(calls.creates) == 1
    assert gateway.calls(calls.captures) == (1 if manual else 0)
    assert gateway.calls(calls.refunds) == 4
    assert crowd.refused.count("refund REFUND_TOO_LARGE") == 1
    found = reread(payment)
    assert (found.status, found.captured, found.refunded) == ("REFUNDED", rupees("800"), rupees("800"))
    assert len(found.refunds) == 4 and not found.refund_pending_minor
    assert not balance(AccountCode.PATIENT_CREDIT) and not balance(AccountCode.REFUND_CLEARING)
    assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))
    unfinished = db.session.query(PaymentOperation).filter(
        PaymentOperation.payment_id == payment.id,
        PaymentOperation.kind != OperationKind.FETCH,
        PaymentOperation.status != OperationStatus.DONE,
    )
    assert unfinished.count() == 0
