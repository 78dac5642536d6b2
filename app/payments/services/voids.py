"""Giving a payment up: what is only reserved is let go by the gateway, what nobody made is no longer waited for."""

from __future__ import annotations

from app.core.transaction import unit_of_work
from app.payments.services.asking import ask_gateway
from app.payments.services.payments import abandon_payment
from app.payments.services.releases import carry_out_release, prepare_release


def void_payment(payment_id: str) -> None:
    """Ask the gateway, then let go of what is reserved or stop waiting. Commits in steps: call it outside any.

    Raises CannotVoid where money came, or is reserved at a gateway without a void; UnderWay; and ProviderUnavailable
    when nothing can be found out.
    """
    ask_gateway(payment_id)
    with unit_of_work():
        task = prepare_release(payment_id)
        if task is None:
            abandon_payment(payment_id)
    if task is not None:
        carry_out_release(payment_id, task)
