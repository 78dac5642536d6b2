"""Events are as durable as the change that made them, and heard at least once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.core import clock
from app.core.ids import new_id
from app.core.jobs import queue_named
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.core.waking import take_waiting
from app.events.base import EVENT_TYPES, LISTENERS, REACTIONS, Category, Event, listens_to, matches, reacts_to
from app.events.jobs import MAX_ATTEMPTS, TryLater, deliver, forget_payloads, sweep_deliveries
from app.events.models import DeliveryStatus, EventDelivery, EventRecord
from app.events.services import publish, replay_delivery
from app.tenancy.models import Location


class Rang(Event):
    type = "test.bell.rang"
    category = Category.SYSTEM
    bell_id: str


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What a listener of the test heard; it also writes a row, to see that it commits with the delivery."""
    heard: list[str] = []

    def hear(event: Rang) -> None:
        heard.append(event.bell_id)
        db.session.add(Location(name=event.bell_id))
        if event.bell_id.startswith("fail"):
            raise RuntimeError("no ears")
        if event.bell_id == "later":
            raise TryLater(30)

    listens_to(Rang)(hear)
    yield heard
    LISTENERS.pop(f"{hear.__module__}.{hear.__qualname__}")


def ring(clinic_id: str, bell_id: str = "one") -> str:
    """Publish and give the delivery's id."""
    with tenant_scope(clinic_id):
        with unit_of_work():
            record = publish(Rang(bell_id=bell_id))
            record_id = record.id
        return db.session.scalars(select(EventDelivery.id).where(EventDelivery.event_id == record_id)).one()


def delivery(clinic_id: str, delivery_id: str) -> EventDelivery:
    with tenant_scope(clinic_id):
        row = db.session.get_one(EventDelivery, delivery_id)
        db.session.expunge(row)
        return row


def test_a_listener_runs_once_and_its_work_commits_with_it(clinic: Any, heard: list[str]) -> None:
    delivery_id = ring(clinic.id)
    deliver(clinic.id, delivery_id)
    deliver(clinic.id, delivery_id)
    assert heard == ["one"]
    assert delivery(clinic.id, delivery_id).status == DeliveryStatus.DONE
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(Location.name)).all() == ["one"]


def test_nothing_is_published_on_rollback(clinic: Any, heard: list[str]) -> None:
    with pytest.raises(RuntimeError), tenant_scope(clinic.id), unit_of_work():
        publish(Rang(bell_id="one"))
        raise RuntimeError
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(EventRecord)).all() == []
    assert queue_named("event").count == 0


def test_a_failing_listener_keeps_nothing_and_is_parked_in_the_end(clinic: Any, heard: list[str]) -> None:
    delivery_id = ring(clinic.id, "fail")
    for attempt in range(MAX_ATTEMPTS):
        assert delivery(clinic.id, delivery_id).status == DeliveryStatus.PENDING, attempt
        deliver(clinic.id, delivery_id)
    parked = delivery(clinic.id, delivery_id)
    assert (parked.status, parked.attempts, parked.error) == (
        DeliveryStatus.PARKED,
        MAX_ATTEMPTS,
        "RuntimeError: no ears",
    )
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(Location)).all() == []


def test_a_parked_delivery_can_be_replayed(clinic: Any, heard: list[str]) -> None:
    delivery_id = ring(clinic.id)
    deliver(clinic.id, delivery_id)
    with tenant_scope(clinic.id), unit_of_work():
        db.session.scalars(select(Location)).one().name = "free"
        replay_delivery(db.session.get_one(EventDelivery, delivery_id))
    deliver(clinic.id, delivery_id)
    assert heard == ["one", "one"]


def test_a_listener_may_ask_to_be_called_later(clinic: Any, heard: list[str]) -> None:
    delivery_id = ring(clinic.id, "later")
    deliver(clinic.id, delivery_id)
    waiting = delivery(clinic.id, delivery_id)
    assert (waiting.status, waiting.attempts) == (DeliveryStatus.PENDING, 0)
    assert waiting.next_at > clock.now() + timedelta(seconds=20)


def test_the_sweeper_finds_what_redis_forgot(clinic: Any, heard: list[str]) -> None:
    from app.core.jobs import redis_connection

    delivery_id = ring(clinic.id)
    redis_connection().flushdb()
    with clock.travel(timedelta(seconds=20)):
        # Other tests' deliveries may be overdue as well: batch after batch, until nothing is.
        while sweep_deliveries():
            pass
    assert delivery_id in take_waiting("event", 1000)[clinic.id]
    assert queue_named("event").count == 1


def test_an_event_is_linked_to_an_audit_entry(clinic: Any) -> None:
    with tenant_scope(clinic.id):
        with unit_of_work():
            record_id = publish(Rang(bell_id=new_id())).id
        record = db.session.get_one(EventRecord, record_id)
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.event_id == record_id)).one()
        assert record.audit_entry_id == entry.id
        assert entry.action == "test.bell.rang"


def test_a_reaction_runs_in_the_transaction_and_can_refuse_it(clinic: Any) -> None:
    def refuse(event: Rang) -> None:
        raise RuntimeError("refused")

    reacts_to(Rang)(refuse)
    try:
        with pytest.raises(RuntimeError, match="refused"), tenant_scope(clinic.id), unit_of_work():
            db.session.add(Location(name="kept?"))
            publish(Rang(bell_id="one"))
    finally:
        REACTIONS.remove((Rang.type, refuse))
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(Location)).all() == []


@pytest.mark.parametrize(
    ("pattern", "event_type", "expected"),
    [
        ("ehr.**", "ehr.vital.created", True),
        ("ehr.**", "ehrx.vital.created", False),
        ("ehr.*.created", "ehr.vital.created", True),
        ("ehr.*.created", "ehr.vital.sign.created", False),
        ("auth.login", "auth.login", True),
        ("auth.login", "auth.logout", False),
    ],
)
def test_patterns(pattern: str, event_type: str, expected: bool) -> None:
    assert matches(pattern, event_type) is expected


def test_every_event_round_trips(app: Any) -> None:
    for name, event_class in EVENT_TYPES.items():
        schema = event_class.model_json_schema()
        assert schema["type"] == "object", name
        assert event_class.category in Category


def test_another_clinics_delivery_cannot_be_run(clinic: Any, other_clinic: Any, heard: list[str]) -> None:
    delivery_id = ring(clinic.id)
    deliver(other_clinic.id, delivery_id)
    assert heard == []
    with all_tenants():
        assert db.session.get_one(EventDelivery, delivery_id).status == DeliveryStatus.PENDING


def test_what_old_events_said_is_forgotten_and_that_they_were_is_not(clinic: Any, heard: list[str]) -> None:
    ring(clinic.id, "old")
    with clock.travel(timedelta(days=20)):
        ring(clinic.id, "young")
    with clock.travel(timedelta(days=31)):
        assert forget_payloads() >= 1
        assert forget_payloads() == 0
    with tenant_scope(clinic.id):
        kept = db.session.scalars(select(EventRecord).order_by(EventRecord.occurred_at)).all()
        assert [record.payload for record in kept] == [None, {"bellId": "young"}]
        assert all(len(record.payload_hash) == 64 for record in kept)
