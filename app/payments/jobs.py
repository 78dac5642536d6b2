"""Background work of payments: the inbox, refunds to be sent, and what is left unclear.

Each job is only a wake-up: what is to be done stands in the database, and the sweeper wakes again what was missed.
"""

from __future__ import annotations

import time
from datetime import timedelta

from flask import current_app
from sqlalchemy import or_, select, update

from app.core import clock
from app.core.errors import ProviderUnavailable
from app.core.jobs import job
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.core.waking import Waiting, add_waiting, begin_relay, take_waiting
from app.payments import services
from app.payments.models import (
    OperationStatus,
    PaymentOperation,
    ReconciliationRun,
    RunStatus,
    WebhookEvent,
    WebhookStatus,
)
from app.tenancy.rounds import in_every_clinic

GRACE = timedelta(seconds=15)
BATCH = 200
# After so long the inbox's reader queues itself again, so that other jobs have their turn.
RELAY_SECONDS = 5.0
# Those that a reader has when it is killed wait for the sweeper.
TAKEN_AT_ONCE = 10


@job("payment", attempts=1, timeout=120)
def read_inbox() -> int:
    """Take in the stored webhooks that wait; how many."""
    begin_relay(read_inbox.queue)
    done, until = 0, time.monotonic() + RELAY_SECONDS
    while waiting := take_waiting(read_inbox.queue, TAKEN_AT_ONCE):
        for clinic_id, webhook_ids in waiting.items():
            for webhook_id in webhook_ids:
                with tenant_scope(clinic_id), current_app.app_context():
                    services.process_webhook(webhook_id)
            done += len(webhook_ids)
        if time.monotonic() > until:
            add_waiting(read_inbox, ())
            break
    return done


@job("payment", attempts=1, timeout=60)
def send_refund(clinic_id: str, refund_id: str) -> None:
    """Send an approved refund to its gateway."""
    with tenant_scope(clinic_id):
        services.send_refund(refund_id)


@job("payment", attempts=1, timeout=120)
def check_payment(clinic_id: str, payment_id: str) -> None:
    """Ask the gateway how a payment stands, as its operations' schedule says."""
    with tenant_scope(clinic_id):
        try:
            services.ask_gateway(payment_id, at_once=False)
        except ProviderUnavailable:
            return  # noted on the operation, with the time of the next try


@job("payment", attempts=3, timeout=60)
def close_page(clinic_id: str, payment_id: str) -> None:
    """Close the hosted page of a payment that is not waited for any more. What is paid before that is booked."""
    with tenant_scope(clinic_id):
        services.close_page(payment_id)


@job("payment", attempts=1, every=5)
def sweep_payments() -> int:
    """Wake the jobs of webhooks and operations that are due: a lost wake-up, a dead worker, the next step."""
    return _sweep_webhooks() + _sweep_operations()


@job("payment-reconciliation", attempts=1, timeout=480)
def reconcile(clinic_id: str, run_id: str) -> None:
    """Compare what a gateway paid out with the books."""
    with tenant_scope(clinic_id):
        services.carry_out_run(run_id)


@job("payment-reconciliation", attempts=1, every=600)
def sweep_reconciliations() -> int:
    """Wake the runs that are due, and plan the night's where it is night; how many were due."""
    with all_tenants():
        wanted = select(ReconciliationRun.clinic_id, ReconciliationRun.id).where(
            ReconciliationRun.status == RunStatus.PLANNED, ReconciliationRun.next_at <= clock.now()
        )
        due = db.session.execute(wanted.limit(BATCH)).all()
    for clinic_id, run_id in due:
        reconcile.enqueue_now(clinic_id, run_id)
    in_every_clinic(_plan_nightly)  # last, as it says so where it fails; what it plans wakes its worker itself
    return len(due)


def _plan_nightly() -> int:
    with unit_of_work():
        return len(services.plan_nightly_runs())


def _sweep_webhooks() -> int:
    now = clock.now()
    due = (
        select(WebhookEvent.id)
        .where(WebhookEvent.status.in_((WebhookStatus.RECEIVED, WebhookStatus.WAITING)), WebhookEvent.next_at <= now)
        .order_by(WebhookEvent.next_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    with all_tenants(), unit_of_work():
        rows = db.session.execute(
            update(WebhookEvent)
            .where(WebhookEvent.id.in_(due.scalar_subquery()))
            .values(next_at=now + GRACE)
            .returning(WebhookEvent.clinic_id, WebhookEvent.id)
        ).all()
    if rows:
        add_waiting(read_inbox, [Waiting(*row) for row in rows])
    return len(rows)


def _sweep_operations() -> int:
    now = clock.now()
    operation = PaymentOperation
    due = (
        select(operation.id)
        .where(
            operation.status.in_((OperationStatus.STARTED, OperationStatus.UNKNOWN)),
            operation.next_at <= now,
            or_(operation.woken_at.is_(None), operation.woken_at < operation.next_at, operation.woken_at < now - GRACE),
        )
        .order_by(operation.next_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    with all_tenants(), unit_of_work():
        rows = db.session.execute(
            update(operation)
            .where(operation.id.in_(due.scalar_subquery()))
            .values(woken_at=now)
            .returning(operation.clinic_id, operation.payment_id)
        ).all()
    for clinic_id, payment_id in {(row.clinic_id, row.payment_id) for row in rows}:
        check_payment.enqueue_now(clinic_id, payment_id)
    return len(rows)
