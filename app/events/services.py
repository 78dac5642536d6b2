"""publish(): the outbox row, the reactions and the deliveries, all in the publisher's transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import orjson
from flask_babel import gettext as _
from sqlalchemy import Table, select, text, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.kept import Kept
from app.core.principal import find_principal
from app.core.tenant import db, require_clinic
from app.core.together import as_json, new_row, recordset, take_in
from app.core.transaction import after_commit
from app.core.waking import Waiting
from app.events.base import LISTENERS, OBSERVERS, REACTIONS, Event, Listener, Priority, matches
from app.events.models import DeliveryStatus, EventDelivery, EventRecord, overdue_at

Heard = tuple[EventRecord, Listener, str]  # with the delivery's id

URGENT = frozenset({Priority.CRITICAL, Priority.HIGH})


_COLUMNS = (
    "id", "clinic_id", "type", "category", "priority", "version", "source", "occurred_at", "user_id", "subject_id",
    "payload", "payload_hash", "details", "audit_entry_id",
)  # fmt: skip
_TOLD = ", ".join(_COLUMNS)
# Events and their deliveries in one round trip, past the mapper: most transactions publish, some publish a lot.
_TELL = f"""
insert into event ({_TOLD}, created_at, updated_at)
select {_TOLD}, occurred_at, occurred_at from {recordset(cast(Table, EventRecord.__table__), _COLUMNS)}
"""  # noqa: S608 - constants
_HAND_OVER = """
insert into event_delivery (id, clinic_id, event_id, listener, status, attempts, next_at, created_at, updated_at)
select id, clinic_id, event_id, listener, 'PENDING', 0, :next_at, :now, :now
from unnest(cast(:ids as uuid[]), cast(:clinic_ids as uuid[]), cast(:event_ids as uuid[]), cast(:listeners as text[]))
  as heard(id, clinic_id, event_id, listener)
"""
_SENT = {
    (True, False): Kept(text(_TELL)),
    (False, True): Kept(text(_HAND_OVER)),
    (True, True): Kept(text(f"with told as ({_TELL}) {_HAND_OVER}")),  # noqa: S608 - constants
}


def publish(event: Event, *, clinic_id: str | None = None, **details: Any) -> EventRecord:
    """Record the event with the change that made it. `clinic_id` is needed only where no clinic is in scope."""
    record = event_record(event, clinic_id, **details)
    _tell({record: event})
    return record


def publish_all(events: Sequence[Event]) -> None:
    """Record many events of the clinic in scope at once; otherwise as `publish`."""
    if events:
        _tell({event_record(event): event for event in events})


def _tell(events: Mapping[EventRecord, Event]) -> None:
    session = db.session()
    session.flush()  # what the events tell of comes before them
    heard = _heard(events)
    _write(session, events, heard)
    for record in events:
        take_in(session, record)
    _react_to(events)
    _wake_later(heard)


def announce(written: Mapping[EventRecord, Event]) -> None:
    """Run the reactions to events whose records are in the database, and hand them to their listeners."""
    _react_to(written)
    _hand_over(_heard(written))


def _react_to(written: Mapping[EventRecord, Event]) -> None:
    for event in written.values():
        _react(event)
    _observe(list(written))


def _heard(records: Iterable[EventRecord]) -> list[Heard]:
    return [(record, listener, new_id()) for record in records for listener in listeners_of(record.type)]


def _hand_over(heard: Sequence[Heard]) -> None:
    if heard:
        _write(db.session(), (), heard)
        _wake_later(heard)


def _write(session: Session, records: Collection[EventRecord], heard: Sequence[Heard]) -> None:
    values = _deliveries(heard) if heard else {}
    if records:
        values["rows"] = as_json([{name: getattr(record, name) for name in _COLUMNS} for record in records])
    _SENT[bool(records), bool(heard)].execute(session.connection(), values)


def _deliveries(heard: Sequence[Heard]) -> dict[str, Any]:
    return {
        "ids": [delivery_id for _record, _listener, delivery_id in heard],
        "clinic_ids": [record.clinic_id for record, _listener, _id in heard],
        "event_ids": [record.id for record, _listener, _id in heard],
        "listeners": [listener.name for _record, listener, _id in heard],
        "now": clock.now(),
        "next_at": overdue_at(),
    }


def listeners_of(event_type: str) -> list[Listener]:
    """Who hears events of that type in a worker."""
    return [LISTENERS[name] for name in _hearing(event_type, tuple(LISTENERS))]


@lru_cache(maxsize=1024)
def _hearing(event_type: str, names: tuple[str, ...]) -> list[str]:
    """Kept: to ask every listener took as long as to write the event's row."""
    return [name for name in names if LISTENERS[name].hears(event_type)]


def _react(event: Event) -> None:
    for pattern, handler in REACTIONS:
        if matches(pattern, event.type):
            handler(event)


def event_record(event: Event, clinic_id: str | None = None, **details: Any) -> EventRecord:
    """The row of an event, for whoever writes it together with the change it tells of, and then calls announce()."""
    payload = event.payload()
    actor = find_principal()
    return new_row(
        EventRecord,
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
    _hand_over(new)
    return len(over) + len(new)
