"""Giving a payment up that nobody made."""

from __future__ import annotations

from app.core.transaction import unit_of_work
from app.payments.services.asking import ask_gateway
from app.payments.services.payments import abandon_payment


def void_payment(payment_id: str) -> None:
    """Ask the gateway, then stop waiting for the payment. Commits in steps: call it outside any unit of work.

    Raises CannotVoid where money came or is reserved, and ProviderUnavailable when that cannot be found out.
    """
    ask_gateway(payment_id)
    with unit_of_work():
        abandon_payment(payment_id)
