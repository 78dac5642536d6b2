"""Giving a payment up: what is only reserved is let go by the gateway, what nobody made is no longer waited for."""

from __future__ import annotations

from app.core.providers import ProviderError
from app.core.transaction import unit_of_work
from app.payments.models import Payment
from app.payments.queries import get_payment
from app.payments.services.asking import ask_gateway
from app.payments.services.gateway import call, open_gateway, unavailable
from app.payments.services.payments import abandon_payment
from app.payments.services.releases import carry_out_release, prepare_release


def void_payment(payment_id: str) -> None:
    """Ask the gateway, then let go of what is reserved or stop waiting. Commits in steps: call it outside any.

    Raises CannotVoid where money came, or is reserved at a gateway without a void; UnderWay; and ProviderUnavailable
    when nothing can be found out.
    """
    close_page(payment_id)
    ask_gateway(payment_id)
    with unit_of_work():
        task = prepare_release(payment_id)
        if task is None:
            abandon_payment(payment_id)
    if task is not None:
        carry_out_release(payment_id, task)


def close_page_later(payment: Payment) -> None:
    """Have a worker close the page after the commit."""
    from app.payments.jobs import close_page as job

    if payment.order_id is not None:
        job.enqueue(payment.clinic_id, payment.id)


def close_page(payment_id: str) -> None:
    """Let nobody pay any more what is given up, where the gateway can. Commits; call it outside any unit of work.

    Raises ProviderUnavailable.
    """
    with unit_of_work():
        payment = get_payment(payment_id)
        order_id = None if payment.authorized_minor else payment.order_id
        gateway = open_gateway(payment.account_id) if order_id else None
    if gateway is None or order_id is None:
        return
    try:
        call(gateway, lambda: gateway.close_checkout(order_id))
    except ProviderError as error:
        raise unavailable(error, paymentId=payment_id) from None
