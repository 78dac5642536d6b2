"""publish(): the outbox row, the reactions and the deliveries, all in the publisher's transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from flask_babel import gettext as _
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session, make_transient_to_detached

from app.core import clock
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.principal import find_principal
from app.core.tenant import db, require_clinic
from app.core.together import told_of
from app.core.transaction import after_commit
from app.core.waking import Waiting
from app.events.base import LISTENERS, OBSERVERS, REACTIONS, Event, Listener, Priority, matches
from app.events.models import DeliveryStatus, EventDelivery, EventRecord, overdue_at

Heard = tuple[EventRecord, Listener, str]  # with the delivery's id

_PLAIN_COLUMNS = (
    "id", "clinic_id", "type", "category", "priority", "version", "source", "user_id", "subject_id", "payload_hash",
    "audit_entry_id",
)  # fmt: skip
URGENT = frozenset({Priority.CRITICAL, Priority.HIGH})


# The event and its deliveries in one round trip, past the mapper: most transactions publish, some publish a lot.
_TELL = """
insert into event (id, clinic_id, type, category, priority, version, source, occurred_at, user_id, subject_id, payload,
  payload_hash, details, audit_entry_id, created_at, updated_at)
values (cast(%(id)s as uuid), cast(%(clinic_id)s as uuid), %(type)s, %(category)s, %(priority)s, %(version)s,
  %(source)s, %(now)s, cast(%(user_id)s as uuid), cast(%(subject_id)s as uuid), cast(%(payload)s as jsonb),
  %(payload_hash)s, cast(%(details)s as jsonb), cast(%(audit_entry_id)s as uuid), %(now)s, %(now)s)
"""
_HAND_OVER = """
insert into event_delivery (id, clinic_id, event_id, listener, status, attempts, next_at, created_at, updated_at)
select heard.id, cast(%(clinic_id)s as uuid), cast(%(id)s as uuid), heard.listener, 'PENDING', 0, %(next_at)s,
  %(now)s, %(now)s
from unnest(cast(%(delivery_ids)s as uuid[]), cast(%(listeners)s as text[])) as heard(id, listener)
"""
_TELL_AND_HAND_OVER = f"with told as ({_TELL}) {_HAND_OVER}"  # noqa: S608 - constants


def publish(event: Event, *, clinic_id: str | None = None, **details: Any) -> EventRecord:
    """Record the event with the change that made it. `clinic_id` is needed only where no clinic is in scope."""
    session = db.session()
    session.flush()  # what the event tells of comes before it
    record = event_record(event, clinic_id, **details)
    heard = [(record, listener, new_id()) for listener in listeners_of(record.type)]
    _write(session, record, heard)
    make_transient_to_detached(record)
    told_of(session, record)
    _react(event)
    _observe([record])
    _wake_later(heard)
    return record


def _write(session: Session, record: EventRecord, heard: Sequence[Heard]) -> None:
    values = {
        **{name: getattr(record, name) for name in _PLAIN_COLUMNS},
        "now": record.occurred_at,
        "payload": orjson.dumps(record.payload).decode(),
        "details": orjson.dumps(record.details).decode(),
    }
    connection = session.connection()
    if heard:
        deliveries = {"delivery_ids": [item[2] for item in heard], "listeners": [item[1].name for item in heard]}
        connection.exec_driver_sql(_TELL_AND_HAND_OVER, {**values, **deliveries, "next_at": overdue_at()})
    else:
        connection.exec_driver_sql(_TELL, values)


def publish_all(events: Sequence[Event]) -> None:
    """Record many events of the clinic in scope at once; otherwise as `publish`."""
    if len(events) == 1:
        publish(events[0])
        return
    records = {event_record(event): event for event in events}
    db.session.add_all(records)
    db.session.flush()
    announce(records)


def announce(written: Mapping[EventRecord, Event]) -> None:
    """Run the reactions to events whose records are in the database, and hand them to their listeners."""
    for event in written.values():
        _react(event)
    _observe(list(written))
    heard = [(record, listener, new_id()) for record in written for listener in listeners_of(record.type)]
    if heard:
        db.session.execute(insert(EventDelivery), [_delivery(*item) for item in heard])
        _wake_later(heard)


def listeners_of(event_type: str) -> list[Listener]:
    """Who hears events of that type in a worker."""
    return [listener for listener in LISTENERS.values() if listener.hears(event_type)]


def _react(event: Event) -> None:
    for pattern, handler in REACTIONS:
        if matches(pattern, event.type):
            handler(event)


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
        audit_entry_id=new_id(),
    )


def _observe(records: Sequence[EventRecord]) -> None:
    for observer in OBSERVERS:
        observer(records)


def _delivery(record: EventRecord, listener: Listener, delivery_id: str) -> dict[str, Any]:
    return {"id": delivery_id, "clinic_id": record.clinic_id, "event_id": record.id, "listener": listener.name}


def _wake_later(heard: Sequence[Heard]) -> None:
    """Once this is durable, tell the relay; urgent events go before what waits."""
    by_queue: dict[tuple[str, bool], list[Waiting]] = {}
    for record, listener, delivery_id in heard:
        waiting = by_queue.setdefault((listener.queue, record.priority in URGENT), [])
        waiting.append(Waiting(record.clinic_id, delivery_id))
    if by_queue:
        after_commit(lambda: _wake(by_queue))


def _wake(by_queue: Mapping[tuple[str, bool], Sequence[Waiting]]) -> None:
    from app.events.jobs import wake_relay

    for (queue, urgent), waiting in by_queue.items():
        wake_relay(queue, waiting, urgent=urgent)


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
    queue, waiting = listener.queue if listener else "event", Waiting(delivery.clinic_id, delivery.id)
    after_commit(lambda: _wake({(queue, False): [waiting]}))


def replay_event(record: EventRecord) -> int:
    """Hand an event to all of its listeners again, and to those that are new since; how many. Raises Conflict.

    Listeners tolerate a second call; deliveries that wait already are left alone.
    """
    if record.payload is None:
        raise Conflict(_("The payload of this event is not kept any more."))
    known = {row.listener: row for row in db.session.scalars(select(EventDelivery).filter_by(event_id=record.id))}
    over = [row for row in known.values() if row.status != DeliveryStatus.PENDING and row.listener in LISTENERS]
    for row in over:
        replay_delivery(row)
    new = [(record, item, new_id()) for item in listeners_of(record.type) if item.name not in known]
    if new:
        db.session.execute(insert(EventDelivery), [_delivery(*item) for item in new])
        _wake_later(new)
    return len(over) + len(new)
