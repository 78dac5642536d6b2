"""The relay: hands deliveries to their listeners, each in its own transaction, retries with back-off, then parks."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from app.core import clock
from app.core.jobs import job
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.base import EVENT_TYPES, LISTENERS
from app.events.models import DeliveryStatus, EventDelivery, EventRecord, overdue_at

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
BACKOFF_SECONDS = 2
BATCH = 200


class TryLater(Exception):
    """A listener is not able to do its part yet; not an error, the delivery waits `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds


@job("event", attempts=1, timeout=120)
def relay_events(delivery_ids: list[str]) -> None:
    """Deliver to short listeners."""
    _deliver_all(delivery_ids)


@job("notification", attempts=1, timeout=120)
def relay_notifications(delivery_ids: list[str]) -> None:
    """Deliver to listeners that write messages."""
    _deliver_all(delivery_ids)


@job("invoice-pdf", attempts=1, timeout=300)
def relay_documents(delivery_ids: list[str]) -> None:
    """Deliver to listeners that render documents."""
    _deliver_all(delivery_ids)


RELAYS = {"event": relay_events, "notification": relay_notifications, "invoice-pdf": relay_documents}


def wake_relay(queue: str, delivery_ids: list[str]) -> None:
    RELAYS[queue].enqueue_now(delivery_ids)


def _deliver_all(delivery_ids: list[str]) -> None:
    clinics = _clinics_of(delivery_ids)
    for delivery_id in delivery_ids:
        if delivery_id in clinics:
            deliver(clinics[delivery_id], delivery_id)


def _clinics_of(delivery_ids: list[str]) -> dict[str, str]:
    with all_tenants():
        wanted = select(EventDelivery.id, EventDelivery.clinic_id).where(EventDelivery.id.in_(delivery_ids))
        return {row.id: row.clinic_id for row in db.session.execute(wanted)}


def deliver(clinic_id: str, delivery_id: str) -> None:
    """Run one listener once. Its work and DONE commit together, so that a killed worker repeats nothing that counts."""
    with tenant_scope(clinic_id):
        try:
            with unit_of_work():
                _run_listener(delivery_id)
        except Exception as error:
            with unit_of_work():
                _note_failure(delivery_id, error)


def _run_listener(delivery_id: str) -> None:
    row = db.session.execute(
        select(EventDelivery, EventRecord)
        .join(EventRecord, EventRecord.id == EventDelivery.event_id)
        .where(EventDelivery.id == delivery_id, EventDelivery.status == DeliveryStatus.PENDING)
        .with_for_update(skip_locked=True, of=EventDelivery)
    ).one_or_none()
    if row is None:
        return
    delivery, record = row
    listener = LISTENERS[delivery.listener]
    listener.handler(EVENT_TYPES[record.type].model_validate(record.payload))
    delivery.status = DeliveryStatus.DONE
    delivery.attempts += 1
    delivery.finished_at = clock.now()
    delivery.error = None


def _note_failure(delivery_id: str, error: Exception) -> None:
    delivery = db.session.get(EventDelivery, delivery_id, with_for_update=True)
    if delivery is None or delivery.status != DeliveryStatus.PENDING:
        return
    if isinstance(error, TryLater):
        delivery.next_at = clock.now() + timedelta(seconds=error.seconds)
        return
    log.exception("listener failed: %s", delivery.listener, exc_info=error)
    delivery.attempts += 1
    delivery.error = f"{type(error).__name__}: {error}"[:2000]
    if delivery.attempts >= MAX_ATTEMPTS:
        delivery.status = DeliveryStatus.PARKED
        delivery.finished_at = clock.now()
    else:
        delivery.next_at = clock.now() + timedelta(seconds=BACKOFF_SECONDS**delivery.attempts)


@job("event", attempts=1, every=5)
def sweep_deliveries() -> int:
    """Wake the relay for deliveries whose wake-up was lost (Redis emptied, worker killed) or whose retry is due."""
    with all_tenants(), unit_of_work():
        due = _due_deliveries(clock.now())
        ids = [row.id for row in due]
        db.session.execute(update(EventDelivery).where(EventDelivery.id.in_(ids)).values(next_at=overdue_at()))
    by_queue: dict[str, list[str]] = {}
    for row in due:
        listener = LISTENERS.get(row.listener)
        by_queue.setdefault(listener.queue if listener else "event", []).append(row.id)
    for queue, delivery_ids in by_queue.items():
        wake_relay(queue, delivery_ids)
    return len(due)


def _due_deliveries(now: datetime) -> list[Any]:
    return list(
        db.session.execute(
            select(EventDelivery.id, EventDelivery.listener)
            .where(EventDelivery.status == DeliveryStatus.PENDING, EventDelivery.next_at <= now)
            .order_by(EventDelivery.next_at)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
    )
