"""What a worker needs to take in a captured payment: its sums, invoice, ledger, events and trail in one transaction."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.figures import Effort, Figure, percentile
from bench.installation import Installation
from bench.orders import GATEWAY, nothing_left_to_do, notice, open_orders

LONGEST_MS = 30
WARM_UP = 5


def transition(installation: Installation, effort: Effort) -> list[Figure]:
    with nothing_left_to_do(installation):
        orders = open_orders(installation, WARM_UP + effort.requests)
        with installation.app.app_context():
            took = [_took(installation, order_id) for order_id in orders][WARM_UP:]
    milliseconds = [1000 * item.seconds for item in took]
    busy = 1000 * percentile([item.processor_seconds for item in took], 0.5)
    detail = f"{len(took)} notices with invoice, ledger and events; {busy:.0f} ms of it the processor's, in Python"
    return [
        Figure("transition", f"payment transition in the worker, {name}", value, "ms", "<", LONGEST_MS, detail)
        for name, value in (("median", percentile(milliseconds, 0.5)), ("p95", percentile(milliseconds, 0.95)))
    ]


@dataclass(frozen=True)
class Took:
    """How long a notice took, and how much of that this process kept a processor busy."""

    seconds: float
    processor_seconds: float


def _took(installation: Installation, order_id: str) -> Took:
    """As the job does it. Raises RuntimeError where the notice did not complete its payment."""
    from app.core.tenant import db, tenant_scope
    from app.payments.models import Payment, PaymentStatus
    from app.payments.services import process_webhook, receive_webhook

    clinic_id, told = installation.house.clinic_id, notice(order_id)
    webhook_id = receive_webhook(GATEWAY, clinic_id, told.raw, told.headers)
    with tenant_scope(clinic_id):
        started, busy = time.perf_counter(), time.process_time()
        process_webhook(webhook_id)
        took = Took(time.perf_counter() - started, time.process_time() - busy)
        payment = db.session.query(Payment).filter_by(order_id=order_id).one()
        if payment.status != PaymentStatus.COMPLETED:
            raise RuntimeError(f"the payment is {payment.status}")
        db.session.rollback()
    return took
