"""The two walls around a clinic's rows."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError, StatementError

from app.core.ids import new_id
from app.core.tenant import NoClinicInScope, all_tenants, db, scoped, tenant_scope
from app.core.transaction import unit_of_work
from app.tenancy.models import Clinic, Location, Room


def make_location(clinic_id: str, name: str = "Main") -> str:
    with tenant_scope(clinic_id), unit_of_work():
        location = Location(name=name)
        db.session.add(location)
        db.session.flush()
        return location.id


def test_a_query_without_a_clinic_raises(app_context: Any) -> None:
    with pytest.raises(StatementError) as caught:
        db.session.scalars(select(Location)).all()
    assert isinstance(caught.value.orig, NoClinicInScope)


def test_a_count_over_a_subquery_without_a_clinic_raises(app_context: Any) -> None:
    with pytest.raises(StatementError) as caught:
        db.session.scalar(select(func.count()).select_from(select(Location.id).subquery()))
    assert isinstance(caught.value.orig, NoClinicInScope)


def test_each_clinic_sees_its_own_rows(clinic: Any, other_clinic: Any) -> None:
    mine, theirs = make_location(clinic.id), make_location(other_clinic.id)
    with tenant_scope(clinic.id):
        assert [row.id for row in db.session.scalars(select(Location))] == [mine]
        assert db.session.get(Location, theirs) is None
    with all_tenants():
        assert {mine, theirs} <= set(db.session.scalars(select(Location.id)))


def test_raw_sql_is_held_by_the_database(clinic: Any, other_clinic: Any) -> None:
    mine, theirs = make_location(clinic.id), make_location(other_clinic.id)
    with tenant_scope(clinic.id):
        seen = {str(row.id) for row in db.session.execute(text("select id from location"))}
    assert mine in seen
    assert theirs not in seen


def test_a_bulk_insert_for_another_clinic_is_refused(clinic: Any, other_clinic: Any) -> None:
    row = {"id": new_id(), "clinic_id": other_clinic.id, "name": "Smuggled", "address": "", "active": True}
    with tenant_scope(clinic.id), pytest.raises(DBAPIError, match="row-level security"), unit_of_work():
        db.session.execute(insert(Location), [row])


def test_a_reference_cannot_leave_the_clinic(clinic: Any, other_clinic: Any) -> None:
    theirs = make_location(other_clinic.id)
    with tenant_scope(clinic.id), pytest.raises(DBAPIError, match="fk_room_location_id"), unit_of_work():
        db.session.add(Room(location_id=theirs, name="1"))


def test_every_tenant_table_is_behind_the_wall(app_context: Any) -> None:
    from app.core.models import TenantModel

    tables = {
        mapper.local_table.name for mapper in TenantModel.registry.mappers if issubclass(mapper.class_, TenantModel)
    }
    with all_tenants():
        rows = db.session.execute(
            text("select relname from pg_class where relrowsecurity and relforcerowsecurity and relkind = 'r'")
        )
        walled = {row.relname for row in rows}
    assert tables
    assert tables <= walled


def test_a_statement_that_is_kept_asks_for_the_clinic_each_time(clinic: Any, other_clinic: Any) -> None:
    mine, theirs = make_location(clinic.id), make_location(other_clinic.id)
    kept = scoped(select(Location.id).where(Location.id.in_([mine, theirs])))
    for clinic_id, expected in ((clinic.id, mine), (other_clinic.id, theirs), (clinic.id, mine)):
        with tenant_scope(clinic_id):
            assert db.session.scalars(kept).all() == [expected]
    with pytest.raises(StatementError) as caught, all_tenants():
        db.session.scalars(kept).all()
    assert isinstance(caught.value.orig, NoClinicInScope)


def test_the_end_of_work_in_another_thread_closes_no_session_of_the_outermost_scope(app: Any) -> None:
    """A request that ends removes the session of the outermost scope: it closed the one that this thread asks with."""

    def work() -> None:
        with app.app_context():
            theirs.append(db.session())
            db.session.scalar(select(func.count()).select_from(Clinic))

    theirs: list[Any] = []
    with app.app_context():
        mine = db.session()
        begun = mine.connection()
        thread = Thread(target=work)
        thread.start()
        thread.join()
        assert theirs and theirs[0] is not mine
        assert not begun.closed
        assert db.session() is mine
        assert mine.scalar(select(1)) == 1
