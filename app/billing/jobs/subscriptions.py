"""What the clock does to subscriptions. Each row says when it is next; the sweeper is the clock."""

from __future__ import annotations

import logging

from app.billing.services.dunning import due_subscriptions, payments_to_ask_about, postpone, take_step
from app.core.errors import ProviderUnavailable
from app.core.jobs import job
from app.core.tenant import all_tenants, tenant_scope
from app.core.transaction import unit_of_work
from app.payments.services import ask_gateway

log = logging.getLogger(__name__)


@job("payment", attempts=1, timeout=300, every=60)
def sweep_subscriptions() -> int:
    """Bill renewals, remind of unpaid ones, end what is over; how many steps were taken."""
    with all_tenants():
        due = due_subscriptions()
    return sum(_advance(clinic_id, subscription_id) for clinic_id, subscription_id in due)


def _advance(clinic_id: str, subscription_id: str) -> bool:
    """One that fails is tried again in an hour and does not hold up the others."""
    with tenant_scope(clinic_id):
        try:
            unclear = _ask_gateways(subscription_id)
            with unit_of_work():
                return take_step(subscription_id, money_unclear=unclear)
        except Exception:
            log.exception("a subscription could not be taken on")
            with unit_of_work():
                postpone(subscription_id)
            return False


def _ask_gateways(subscription_id: str) -> bool:
    """Money that came unheard of settles the bill now; whether a gateway cannot tell. Outside any transaction."""
    with unit_of_work():
        payment_ids = payments_to_ask_about(subscription_id)
    unclear = False
    for payment_id in payment_ids:
        try:
            ask_gateway(payment_id)
        except ProviderUnavailable:
            unclear = True
    return unclear
