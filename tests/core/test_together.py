"""Rows of several tables in one statement are as good as flushed: complete, known to the session, in the trail."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import inspect, null, select
from sqlalchemy.exc import DBAPIError

from app.audit.models import AuditEntry
from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.core.together import insert_many, insert_together
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.tenancy.models import Location, Room
from tests.statements import recorded_statements


def new_rows() -> tuple[Location, Room]:
    location = Location(id=new_id(), name=f"Annexe {new_id()}")
    return location, Room(id=new_id(), name="One", location_id=location.id)


def test_rows_that_refer_to_each_other_go_in_as_one_statement(clinic: Any) -> None:
    location, room = new_rows()
    room_id, location_id = room.id, location.id
    with tenant_scope(clinic.id), unit_of_work():
        with recorded_statements() as sent:
            insert_together(room, location)
        assert len(sent) == 1
        assert inspect(room).persistent
        assert room.clinic_id == clinic.id
    with tenant_scope(clinic.id):
        kept = db.session.get_one(Room, room_id)
        assert (kept.name, kept.location_id, kept.active) == ("One", location_id, True)
        assert kept.created_at is not None


def test_changes_after_it_are_written_as_ever(clinic: Any) -> None:
    location, room = new_rows()
    room_id = room.id
    with tenant_scope(clinic.id), unit_of_work():
        insert_together(location, room)
        room.name = "Two"
    with tenant_scope(clinic.id):
        assert db.session.scalar(select(Room.name).where(Room.id == room_id)) == "Two"


def test_the_trail_tells_of_each_row(clinic: Any) -> None:
    location, room = new_rows()
    ids, name = [location.id, room.id], location.name
    with tenant_scope(clinic.id), unit_of_work():
        insert_together(location, room)
    with tenant_scope(clinic.id):
        wanted = select(AuditEntry.entity, AuditEntry.action, AuditEntry.changes)
        found = db.session.execute(wanted.where(AuditEntry.entity_id.in_(ids))).all()
    assert {(row.entity, row.action) for row in found} == {("location", "created"), ("room", "created")}
    assert next(row.changes["name"] for row in found if row.entity == "location") == [None, name]


def test_what_waits_in_the_session_goes_first(clinic: Any) -> None:
    location, room = new_rows()
    with tenant_scope(clinic.id), unit_of_work():
        db.session.add(location)
        insert_together(room)
        assert room.location.name == location.name


def test_what_is_not_said_is_null(clinic: Any) -> None:
    bell = EventRecord(type="bell.rang", category="SYSTEM", priority="LOW", version="1", source="x", payload_hash="")
    with tenant_scope(clinic.id):
        insert_together(bell)
        unsaid = select(EventRecord.payload.is_(null()), EventRecord.user_id.is_(None), EventRecord.details)
        assert db.session.execute(unsaid.where(EventRecord.id == bell.id)).one() == (True, True, {})
        db.session.rollback()


def test_a_refused_row_leaves_none_of_them(clinic: Any, other_clinic: Any) -> None:
    location, room = new_rows()
    with tenant_scope(other_clinic.id), unit_of_work():
        insert_together(location)
    other = Location(id=new_id(), name="Mine")
    with tenant_scope(clinic.id):
        with pytest.raises(DBAPIError):
            insert_together(other, room)
        db.session.rollback()
        assert db.session.scalar(select(Location.id).where(Location.id == other.id)) is None


def test_many_rows_of_a_table_go_in_as_one_statement(clinic: Any) -> None:
    rows = [Location(id=new_id(), name=f"Ward {number}") for number in range(3)]
    rows[1].phone = "+912012345678"
    ids = [row.id for row in rows]
    with tenant_scope(clinic.id), unit_of_work():
        with recorded_statements() as sent:
            insert_many(rows)
        assert len(sent) == 1
        assert all(inspect(row).persistent for row in rows)
        rows[2].active = False
    with tenant_scope(clinic.id):
        found = [db.session.get_one(Location, row_id) for row_id in ids]
        assert [(row.name, row.phone, row.active) for row in found] == [
            ("Ward 0", None, True), ("Ward 1", "+912012345678", True), ("Ward 2", None, False)
        ]  # fmt: skip
        told = select(AuditEntry.entity_id).where(AuditEntry.entity_id.in_(ids), AuditEntry.action == "created")
        assert sorted(db.session.scalars(told)) == sorted(ids)


def test_no_rows_are_no_statement(clinic: Any) -> None:
    with tenant_scope(clinic.id), unit_of_work(), recorded_statements() as sent:
        insert_many([])
    assert sent == []


def test_rows_of_another_clinic_are_refused(clinic: Any, other_clinic: Any) -> None:
    with pytest.raises(DBAPIError), tenant_scope(clinic.id), unit_of_work():
        insert_many([Location(id=new_id(), name="Theirs", clinic_id=other_clinic.id)])
