"""The payer's browser coming back: it is believed only so far as to ask the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.errors import BadRequest, ProviderUnavailable
from app.core.money import Money
from app.core.providers import BadSignature
from app.core.transaction import unit_of_work
from app.payments.queries import get_payment
from app.payments.services.asking import ask_gateway
from app.payments.services.gateway import open_gateway


@dataclass(frozen=True)
class ReturnResult:
    """How the payment stands, for the page. `checking`: the gateway did not answer; we go on asking it.

    `failure` is what the gateway gave as the reason, made safe.
    """

    payment_id: str
    status: str
    amount: Money
    invoice_id: str | None
    appointment_id: str | None
    checking: bool
    failure: str


def handle_return(payment_id: str, params: Mapping[str, str]) -> ReturnResult:
    """Verify what the browser brought, ask the gateway, tell the result. Commits in steps: call it outside any.

    Raises NotFound, and BadRequest where a success is claimed that the gateway did not sign.
    """
    failure = ""
    with unit_of_work():
        payment = get_payment(payment_id)
        if payment.order_id is not None and params:
            failure = _verify(payment.account_id, payment.order_id, params)
    checking = False
    try:
        ask_gateway(payment_id)
    except ProviderUnavailable:
        checking = True
    with unit_of_work():
        payment = get_payment(payment_id)
        return ReturnResult(
            payment.id,
            payment.status,
            payment.amount,
            payment.invoice_id,
            payment.appointment_id,
            checking,
            failure or payment.failure_text,
        )


def _verify(account_id: str | None, order_id: str, params: Mapping[str, str]) -> str:
    try:
        came = open_gateway(account_id).verify_return(order_id, params)
    except BadSignature:
        raise BadRequest(code="BAD_SIGNATURE") from None
    return came.error_text
