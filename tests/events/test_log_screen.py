"""The event log: found by what it is about, replayed to one listener or to all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from app.core.ids import new_id
from app.core.jobs import redis_connection
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.base import LISTENERS, Category, Event, listens_to
from app.events.jobs import deliver
from app.events.models import EventDelivery, EventRecord
from app.events.services import publish

HTML = {"Accept": "text/html"}


class Tapped(Event):
    type = "test.glass.tapped"
    category = Category.SYSTEM
    subject = "glass_id"
    glass_id: str


@pytest.fixture
def heard(app_context: Any) -> Iterator[dict[str, list[str]]]:
    """What two listeners heard, by listener."""
    heard: dict[str, list[str]] = {"one": [], "two": []}

    def one(event: Tapped) -> None:
        heard["one"].append(event.glass_id)

    def two(event: Tapped) -> None:
        heard["two"].append(event.glass_id)

    redis_connection().flushdb()
    for listener in (one, two):
        listens_to(Tapped)(listener)
    yield heard
    for listener in (one, two):
        LISTENERS.pop(f"{listener.__module__}.{listener.__qualname__}", None)


def test_an_event_leads_to_its_entry_of_the_trail(clinic: Any, console_as: Any, heard: Any) -> None:
    with tenant_scope(clinic.id), unit_of_work():
        entry_id = publish(Tapped(glass_id=new_id())).audit_entry_id
    with tenant_scope(clinic.id):
        event_id = db.session.scalars(select(EventRecord.id).where(EventRecord.audit_entry_id == entry_id)).one()
    admin = console_as("CLINIC_ADMIN")
    link = f"/auditentryview/show/{entry_id}"
    assert link in admin.get(f"/eventview/show/{event_id}", headers=HTML).text
    assert admin.get(link, headers=HTML).status_code == 200


def tap(clinic: Any) -> tuple[str, str]:
    """The event's id and that of the glass."""
    glass_id = new_id()
    with tenant_scope(clinic.id), unit_of_work():
        return publish(Tapped(glass_id=glass_id)).id, glass_id


def deliver_all(clinic: Any, event_id: str) -> None:
    with tenant_scope(clinic.id):
        ids = list(db.session.scalars(select(EventDelivery.id).where(EventDelivery.event_id == event_id)))
    deliver(clinic.id, *ids)


def test_an_event_is_found_by_what_it_is_about(client_as: Any, clinic: Any, heard: Any) -> None:
    event_id, glass_id = tap(clinic)
    other_id, _ = tap(clinic)
    page = client_as("CLINIC_ADMIN").get(f"/eventview/list/?_flt_0_payload_hash={glass_id}", headers=HTML).text
    assert event_id in page and other_id not in page
    nothing = client_as("CLINIC_ADMIN").get("/eventview/list/?_flt_0_payload_hash=glass", headers=HTML).text
    assert event_id not in nothing


def test_an_event_is_replayed_to_all_of_its_listeners(client_as: Any, clinic: Any, heard: Any) -> None:
    event_id, glass_id = tap(clinic)
    deliver_all(clinic, event_id)
    assert client_as("CLINIC_ADMIN").post(f"/eventview/action/replay/{event_id}", headers=HTML).status_code == 302
    deliver_all(clinic, event_id)
    assert heard == {"one": [glass_id] * 2, "two": [glass_id] * 2}


def test_a_listener_that_is_new_hears_a_replayed_event(client_as: Any, clinic: Any, heard: Any) -> None:
    late = next(name for name in LISTENERS if name.endswith(".two"))
    listener = LISTENERS.pop(late)
    event_id, glass_id = tap(clinic)
    deliver_all(clinic, event_id)
    LISTENERS[late] = listener
    client_as("CLINIC_ADMIN").post(f"/eventview/action/replay/{event_id}", headers=HTML)
    deliver_all(clinic, event_id)
    assert heard["two"] == [glass_id]


def test_one_listener_alone_is_replayed(client_as: Any, clinic: Any, heard: Any) -> None:
    event_id, glass_id = tap(clinic)
    deliver_all(clinic, event_id)
    with tenant_scope(clinic.id):
        wanted = select(EventDelivery.id).where(EventDelivery.listener.endswith(".one"))
        delivery_id = db.session.scalars(wanted.where(EventDelivery.event_id == event_id)).one()
    client_as("CLINIC_ADMIN").post(f"/eventdeliveryview/action/replay/{delivery_id}", headers=HTML)
    deliver_all(clinic, event_id)
    assert heard == {"one": [glass_id] * 2, "two": [glass_id]}


def test_the_auditor_reads_and_replays_nothing(client_as: Any, clinic: Any, heard: Any) -> None:
    event_id, _ = tap(clinic)
    auditor = client_as("SYSTEM_AUDITOR")
    assert event_id in auditor.get(f"/eventview/show/{event_id}", headers=HTML).text
    assert auditor.post(f"/eventview/action/replay/{event_id}", headers=HTML).status_code == 403
