"""publish(): the outbox row, the reactions and the deliveries, all in the publisher's transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import insert, update

from app.core import clock
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.principal import find_principal
from app.core.tenant import db, require_clinic
from app.core.transaction import after_commit
from app.events.base import LISTENERS, REACTIONS, Event, Listener, matches
from app.events.models import DeliveryStatus, EventDelivery, EventRecord


def publish(event: Event, *, clinic_id: str | None = None, **details: Any) -> EventRecord:
    """Record the event with the change that made it. `clinic_id` is needed only where no clinic is in scope."""
    record = event_record(event, clinic_id, **details)
    db.session.add(record)
    db.session.flush()
    announce({record: event})
    return record


def publish_all(events: Sequence[Event]) -> None:
    """Record many events of the clinic in scope at once; otherwise as `publish`."""
    records = {event_record(event): event for event in events}
    db.session.add_all(records)
    db.session.flush()
    announce(records)


def announce(written: Mapping[EventRecord, Event]) -> None:
    """Run the reactions to events whose records are in the database, and hand them to their listeners."""
    for event in written.values():
        for pattern, handler in REACTIONS:
            if matches(pattern, event.type):
                handler(event)
    _deliver_later(*written)


def event_record(event: Event, clinic_id: str | None = None, **details: Any) -> EventRecord:
    """The row of an event, for whoever writes it together with the change it tells of, and then calls announce()."""
    payload = event.payload()
    actor = find_principal()
    return EventRecord(
        id=new_id(),
        clinic_id=clinic_id or require_clinic(),
        type=event.type,
        category=event.category,
        priority=event.priority,
        version=event.version,
        source=type(event).__module__.split(".")[1],
        occurred_at=clock.now(),
        user_id=actor.user_id if actor else None,
        subject_id=event.subject_id,
        payload=payload,
        payload_hash=hashlib.sha256(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)).hexdigest(),
        details=details,
    )


def _deliver_later(*records: EventRecord) -> None:
    heard = [(record, listener) for record in records for listener in LISTENERS.values() if listener.hears(record.type)]
    if not heard:
        return
    rows = [_delivery(record, listener) for record, listener in heard]
    db.session.execute(insert(EventDelivery), rows)
    by_queue: dict[str, list[str]] = {}
    for row, (_record_heard, listener) in zip(rows, heard, strict=True):
        by_queue.setdefault(listener.queue, []).append(row["id"])
    after_commit(lambda: _wake(by_queue))


def _delivery(record: EventRecord, listener: Listener) -> dict[str, Any]:
    return {"id": new_id(), "clinic_id": record.clinic_id, "event_id": record.id, "listener": listener.name}


def _wake(by_queue: dict[str, list[str]]) -> None:
    from app.events.jobs import wake_relay

    for queue, delivery_ids in by_queue.items():
        wake_relay(queue, delivery_ids)


def replay_delivery(delivery: EventDelivery) -> None:
    """Hand a parked or finished delivery to its listener again. Raises Conflict when it is already waiting."""
    if delivery.status == DeliveryStatus.PENDING:
        raise Conflict
    db.session.execute(
        update(EventDelivery)
        .where(EventDelivery.id == delivery.id)
        .values(status=DeliveryStatus.PENDING, attempts=0, next_at=clock.now(), error=None, finished_at=None)
    )
    listener = LISTENERS.get(delivery.listener)
    queue = listener.queue if listener else "event"
    delivery_id = delivery.id
    after_commit(lambda: _wake({queue: [delivery_id]}))
