"""Whatever operation a gateway answers badly or slowly: one charge, one refund, and Check now makes it clear."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from app.core import clock
from app.core.errors import ProviderUnavailable
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.services import approve_refund, ask_gateway, request_refund, send_refund, start_checkout
from tests.factories.payments import reread, rupees
from tests.payments.gateway_accounts import GatewayClinic

FAULTS = ("slow", "reset", "malformed", "500", "429")


def again(step: Callable[[], Any]) -> None:
    """As staff do who see that it is not clear: once more."""
    with suppress(ProviderUnavailable):
        step()
    step()


@pytest.mark.parametrize("fault", FAULTS)
def test_every_call_may_end_badly_once(any_gateway: GatewayClinic, acting: Callable[..., Any], fault: str) -> None:
    gateway = any_gateway

    def trip() -> None:
        seconds = {"slow": 0.3, "429": 0}.get(fault)
        gateway.fault(fault, **({} if seconds is None else {"seconds": seconds}))

    payment = gateway.payment()
    trip()
    again(lambda: start_checkout(payment.id))
    order_id = reread(payment).order_id
    gateway.pay(order_id, webhook=False)
    trip()
    again(lambda: ask_gateway(payment.id))
    assert (reread(payment).status, reread(payment).captured) == ("COMPLETED", rupees("800"))
    with acting("FINANCE_BILLING"), unit_of_work():
        refund_id = approve_refund(request_refund(payment, rupees("300"), "slow"), wake=False).id
    trip()
    send_refund(refund_id, at_once=True)
    again(lambda: ask_gateway(payment.id))
    with clock.travel(timedelta(minutes=2)):  # who asks too often is told to wait
        send_refund(refund_id, at_once=True)
        ask_gateway(payment.id)
    found = reread(payment)
    assert (found.status, found.refunded, found.in_doubt) == ("PARTIALLY_REFUNDED", rupees("300"), False)
    assert [refund.status for refund in found.refunds] == ["SETTLED"]
    assert balance(AccountCode.PATIENT_CREDIT) == rupees("500")
    gateway.sandbox.reset()
