"""The relay: hands deliveries to their listeners, each in its own transaction, retries with back-off, then parks."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import null, select, text, update

from app.core import clock
from app.core.jobs import job
from app.core.logging.failures import describe
from app.core.tenant import all_tenants, db, require_clinic, tenant_scope
from app.core.transaction import unit_of_work
from app.core.waking import Waiting, add_waiting, begin_relay, count_waiting, take_waiting
from app.events.base import EVENT_TYPES, LISTENERS
from app.events.models import DeliveryStatus, EventDelivery, EventRecord, overdue_at
from config import get_settings

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
BACKOFF_SECONDS = 2
SWEPT_AT_ONCE = 1000
FORGOTTEN_AT_ONCE = 5000
# After so long a relay queues itself again, so that more urgent queues have their turn.
RELAY_SECONDS = 5.0
# How many deliveries a relay takes off the list at once: those that it has when it is killed wait for the sweeper.
TAKEN_AT_ONCE = {"event": 50, "notification": 20, "invoice-pdf": 4}

# One round trip claims the delivery, reads its event and notes the end of a listener that has yet to run: all of it
# is undone if that fails. Nor is the commit waited for until it is on the disk: what a dying server loses of it, the
# listener's work and the note of it, is lost together and done again.
_CLAIM = text("""
with claimed as (
  select d.id, d.listener, e.type, e.payload, set_config('synchronous_commit', 'off', true) as lazily
  from event_delivery d join event e on e.clinic_id = d.clinic_id and e.id = d.event_id
  where d.clinic_id = :clinic_id and d.id = :id and d.status = 'PENDING'
  for update of d skip locked
)
update event_delivery d
set status = 'DONE', attempts = d.attempts + 1, finished_at = :now, updated_at = :now, error = null
from claimed where d.id = claimed.id
returning claimed.listener, claimed.type, claimed.payload, claimed.lazily
""")


class TryLater(Exception):
    """A listener is not able to do its part yet; not an error, the delivery waits `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds


class PayloadGone(Exception):
    """The event is older than payloads are kept, and cannot be heard any more."""


@job("event", attempts=1, timeout=120)
def relay_events() -> int:
    """Deliver to short listeners."""
    return _relay("event")


@job("notification", attempts=1, timeout=120)
def relay_notifications() -> int:
    """Deliver to listeners that write messages."""
    return _relay("notification")


@job("invoice-pdf", attempts=1, timeout=300)
def relay_documents() -> int:
    """Deliver to listeners that render documents."""
    return _relay("invoice-pdf")


RELAYS = {"event": relay_events, "notification": relay_notifications, "invoice-pdf": relay_documents}


def wake_relay(queue: str, deliveries: Sequence[Waiting], *, urgent: bool = False) -> None:
    """Hand deliveries on, urgent ones before those that wait already."""
    add_waiting(RELAYS[queue], deliveries, urgent=urgent)


def _relay(queue: str) -> int:
    """Deliver what is on the queue's list; how many."""
    begin_relay(queue)
    done, until = 0, time.monotonic() + RELAY_SECONDS
    while waiting := take_waiting(queue, TAKEN_AT_ONCE[queue]):
        for clinic_id, delivery_ids in waiting.items():
            deliver(clinic_id, *delivery_ids)
            done += len(delivery_ids)
        if time.monotonic() > until:
            wake_relay(queue, ())
            break
    return done


def deliver(clinic_id: str, *delivery_ids: str) -> None:
    """Run listeners once each. A listener's work and DONE commit together, so that a killed worker repeats nothing
    that counts.
    """
    with tenant_scope(clinic_id), current_app.app_context():
        for delivery_id in delivery_ids:
            try:
                with unit_of_work():
                    _run_listener(delivery_id)
            except Exception as error:
                with unit_of_work():
                    _note_failure(delivery_id, error)


def _run_listener(delivery_id: str) -> None:
    asked = {"clinic_id": require_clinic(), "id": delivery_id, "now": clock.now()}
    row = db.session.execute(_CLAIM, asked).one_or_none()
    if row is None:
        return
    if row.payload is None:
        raise PayloadGone("the payload of this event is not kept any more")
    LISTENERS[row.listener].handler(EVENT_TYPES[row.type].model_validate(row.payload))


def _note_failure(delivery_id: str, error: Exception) -> None:
    delivery = db.session.get(EventDelivery, delivery_id, with_for_update=True)
    if delivery is None or delivery.status != DeliveryStatus.PENDING:
        return
    if isinstance(error, TryLater):
        delivery.next_at = clock.now() + timedelta(seconds=error.seconds)
        return
    log.exception("listener failed: %s", delivery.listener, exc_info=error)
    delivery.attempts += 1
    delivery.error = _reason(error)
    if delivery.attempts >= MAX_ATTEMPTS or isinstance(error, PayloadGone):
        delivery.status = DeliveryStatus.PARKED
        delivery.finished_at = clock.now()
    else:
        delivery.next_at = clock.now() + timedelta(seconds=BACKOFF_SECONDS**delivery.attempts)


def _reason(error: Exception) -> str:
    """As the log tells it: without what may be somebody's name or number."""
    failure = describe(error)
    return f"{failure.type.rpartition('.')[2]}: {failure.message}"[:2000]


@job("event", attempts=1, every=5)
def sweep_deliveries() -> int:
    """Wake the relay for deliveries whose wake-up was lost (Redis emptied, worker killed) or whose retry is due."""
    with all_tenants(), unit_of_work():
        due = _due_deliveries(clock.now())
        ids = [row.id for row in due]
        db.session.execute(update(EventDelivery).where(EventDelivery.id.in_(ids)).values(next_at=overdue_at()))
    by_queue: dict[str, list[Waiting]] = {}
    for row in due:
        by_queue.setdefault(queue_of(row.listener), []).append(Waiting(row.clinic_id, row.id))
    for queue, deliveries in by_queue.items():
        # A long list is no lost one: whatever is overdue stands in it.
        wake_relay(queue, deliveries if count_waiting(queue) < SWEPT_AT_ONCE else deliveries[:1])
    return len(due)


def queue_of(listener_name: str) -> str:
    """Where a delivery is worked on; that of a listener which is gone is parked by the quickest."""
    listener = LISTENERS.get(listener_name)
    return listener.queue if listener else "event"


def _due_deliveries(now: datetime) -> list[Any]:
    return list(
        db.session.execute(
            select(EventDelivery.id, EventDelivery.clinic_id, EventDelivery.listener)
            .where(EventDelivery.status == DeliveryStatus.PENDING, EventDelivery.next_at <= now)
            .order_by(EventDelivery.next_at)
            .limit(SWEPT_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
    )


@job("report", attempts=1, timeout=1800, every=3600)
def forget_payloads() -> int:
    """Drop what old events say; that they were, and the hash of it, stays (SPEC AUD-4). How many."""
    before, forgotten = clock.now() - timedelta(days=get_settings().event_payload_days), 0
    while True:
        with all_tenants(), unit_of_work():
            old = select(EventRecord.id).where(EventRecord.occurred_at < before, EventRecord.payload.is_not(None))
            chosen = old.order_by(EventRecord.occurred_at).limit(FORGOTTEN_AT_ONCE).scalar_subquery()
            dropped = update(EventRecord).where(EventRecord.id.in_(chosen)).values(payload=null())
            count = db.session.execute(dropped.execution_options(synchronize_session=False)).rowcount  # type: ignore[attr-defined]
        forgotten += count
        if count < FORGOTTEN_AT_ONCE:
            return forgotten
