"""The relay: one job for many events, urgent ones first, nothing lost with Redis or with a killed worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.core import clock
from app.core.ids import new_id
from app.core.jobs import queue_named, redis_connection
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.core.waking import begin_relay, count_waiting, take_waiting
from app.events.base import LISTENERS, Category, Event, Priority, listens_to
from app.events.jobs import deliver, relay_events, sweep_deliveries
from app.events.models import DeliveryStatus, EventDelivery, EventRecord
from app.events.services import publish, publish_all
from tests.factories.history import end_open_work
from worker import work


class Knocked(Event):
    type = "test.door.knocked"
    category = Category.SYSTEM
    door_id: str


class Burning(Knocked):
    type = "test.door.burning"
    priority = Priority.CRITICAL


@pytest.fixture
def heard(app: Any) -> Iterator[list[str]]:
    heard: list[str] = []

    def open_door(event: Knocked) -> None:
        heard.append(event.door_id)

    listens_to("test.door.*")(open_door)
    redis_connection().flushdb()
    end_open_work()  # of other tests, whose listeners are gone
    yield heard
    LISTENERS.pop(f"{open_door.__module__}.{open_door.__qualname__}")
    redis_connection().flushdb()


def statuses(clinic_id: str) -> list[str]:
    with tenant_scope(clinic_id), unit_of_work():
        mine = select(EventDelivery.status).where(EventDelivery.listener.contains("open_door"))
        return list(db.session.scalars(mine))


def knock(clinic_id: str, *doors: str, kind: type[Knocked] = Knocked) -> None:
    with tenant_scope(clinic_id):
        for door in doors:
            with unit_of_work():
                publish(kind(door_id=door))


def test_many_events_are_one_job(clinic: Any, heard: list[str]) -> None:
    knock(clinic.id, *"abcde")
    assert queue_named("event").count == 1
    assert count_waiting("event") == 5
    work(["event"], forking=False, burst=True)
    assert heard == list("abcde")
    assert statuses(clinic.id) == [DeliveryStatus.DONE] * 5


def test_clinics_share_a_relay_and_nothing_else(clinic: Any, other_clinic: Any, heard: list[str]) -> None:
    knock(clinic.id, "ours")
    knock(other_clinic.id, "theirs")
    assert relay_events() == 2
    assert sorted(heard) == ["ours", "theirs"]
    assert statuses(clinic.id) == statuses(other_clinic.id) == [DeliveryStatus.DONE]


def test_a_publisher_wakes_another_relay_once_one_has_begun(clinic: Any, heard: list[str]) -> None:
    knock(clinic.id, "a", "b")
    begin_relay("event")
    knock(clinic.id, "c")
    assert queue_named("event").count == 2


def test_urgent_events_go_before_what_waits(clinic: Any, heard: list[str]) -> None:
    knock(clinic.id, "a", "b")
    knock(clinic.id, "fire", kind=Burning)
    relay_events()
    assert heard == ["fire", "a", "b"]


def test_what_a_killed_relay_had_taken_is_done_later(clinic: Any, heard: list[str]) -> None:
    knock(clinic.id, "a", "b")
    assert take_waiting("event", 10)[clinic.id]  # and then the worker is gone
    with clock.travel(timedelta(seconds=20)):
        while sweep_deliveries():
            pass
        relay_events()
    assert set(heard) == {"a", "b"}
    assert len(heard) == 2


def test_a_delivery_that_stands_twice_on_the_list_is_heard_once(clinic: Any, heard: list[str]) -> None:
    knock(clinic.id, "a")
    with clock.travel(timedelta(seconds=20)):
        sweep_deliveries()
        assert count_waiting("event") > 1
        relay_events()
    assert heard == ["a"]


def test_an_event_whose_payload_is_gone_is_parked_at_once(clinic: Any, heard: list[str]) -> None:
    knock(clinic.id, "a")
    with tenant_scope(clinic.id), unit_of_work():
        db.session.execute(update(EventRecord).values(payload=None))
    relay_events()
    assert heard == []
    with tenant_scope(clinic.id):
        row = db.session.scalars(select(EventDelivery)).one()
        assert (row.status, row.error) == (
            DeliveryStatus.PARKED,
            "PayloadGone: the payload of this event is not kept any more",
        )


def test_what_went_wrong_is_told_without_names(clinic: Any, heard: list[str]) -> None:
    def refuse(event: Knocked) -> None:
        raise ValueError("cannot reach 'Meera Iyer'")

    listens_to(Knocked)(refuse)
    try:
        with tenant_scope(clinic.id), unit_of_work():
            publish_all([Knocked(door_id=new_id())])
        relay_events()
    finally:
        LISTENERS.pop(f"{refuse.__module__}.{refuse.__qualname__}")
    with tenant_scope(clinic.id):
        errors = db.session.scalars(select(EventDelivery.error).where(EventDelivery.error.is_not(None))).all()
    assert errors == ["ValueError: cannot reach …"]


def test_nobody_delivers_what_is_not_there(clinic: Any, heard: list[str]) -> None:
    deliver(clinic.id, new_id())
    assert heard == []
