"""How connections begin and idle: the second wall always knows the scope, and a lost connection is replaced."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import _queries
from sqlalchemy import create_engine, func, literal, select, text
from sqlalchemy.exc import DataError, DBAPIError

from app.core import connections
from app.core.connections import execute_in_turn, execute_with_begin, execute_with_commit
from app.core.ids import new_id
from app.core.kept import Kept
from app.core.tenant import Scope, db, enter_scope, leave_scope, tenant_scope
from app.core.transaction import unit_of_work
from app.core.wire import Message
from app.people.models import Patient
from app.tenancy.models import Clinic

CLINIC_KNOWN = text("select current_setting('app.clinic_id', true)")
MYSELF = text("select pg_backend_pid()")
PREPARED = text("select count(*) from pg_prepared_statements where statement like :pattern")


def test_each_transaction_of_a_scope_tells_the_database_of_it(clinic: Any, other_clinic: Any) -> None:
    for wanted in (clinic.id, other_clinic.id):
        with tenant_scope(wanted):
            for _ in range(2):
                with unit_of_work():
                    assert db.session.scalar(CLINIC_KNOWN) == wanted


def test_a_connection_keeps_nothing_of_the_scope_before(clinic: Any) -> None:
    with tenant_scope(clinic.id):
        before = db.session.scalar(MYSELF)
    assert db.session.scalar(MYSELF) == before
    assert db.session.scalar(CLINIC_KNOWN) == ""


def test_a_session_stays_with_its_own_scope_inside_another(clinic: Any, other_clinic: Any) -> None:
    with tenant_scope(clinic.id):
        mine = db.session()
        with tenant_scope(other_clinic.id):
            assert mine.scalar(CLINIC_KNOWN) == clinic.id
            assert db.session.scalar(CLINIC_KNOWN) == other_clinic.id


def test_a_savepoint_changes_nothing(clinic: Any) -> None:
    with tenant_scope(clinic.id):
        with db.session.begin_nested():
            assert db.session.scalar(CLINIC_KNOWN) == clinic.id
        assert db.session.scalar(CLINIC_KNOWN) == clinic.id


def test_a_clinic_that_is_no_id_never_reaches_the_database(app_context: Any) -> None:
    enter_scope(Scope(clinic_id="x'; select 1; --"))
    try:
        with pytest.raises(ValueError, match="not an id"):
            db.session.scalar(text("select 1"))
    finally:
        leave_scope()


def test_what_is_not_committed_is_rolled_back(clinic: Any) -> None:
    with tenant_scope(clinic.id):
        db.session.execute(text("create temp table left_over (id int) on commit preserve rows"))
        db.session.rollback()
        assert db.session.scalar(text("select to_regclass('pg_temp.left_over')")) is None


def test_a_select_is_prepared_once_and_kept_from_transaction_to_transaction(clinic: Any) -> None:
    asked = select(literal(7301).label("asked_again"))
    with tenant_scope(clinic.id):
        for _ in range(10):
            assert db.session.scalar(asked) == 7301
            db.session.rollback()
        assert db.session.scalar(PREPARED, {"pattern": "%asked_again%"}) == 1


def test_a_prepared_statement_shows_each_clinic_its_own_rows(clinic: Any, other_clinic: Any) -> None:
    behind_the_second_wall = select(Patient.__table__.c.clinic_id).distinct()
    for wanted in (clinic.id, other_clinic.id):
        with tenant_scope(wanted), unit_of_work():
            db.session.add(Patient(mrn="P-1", first_name="Prepared", last_name="Statement"))
    for wanted in (clinic.id, other_clinic.id, clinic.id):
        with tenant_scope(wanted):
            for _ in range(10):
                assert db.session.scalars(behind_the_second_wall).all() == [wanted]
                db.session.rollback()


def test_rows_and_refused_statements_are_rolled_back_as_ever(clinic: Any) -> None:
    patient = Patient(id=new_id(), mrn="R-1", first_name="Nobody", last_name="Yet")
    with tenant_scope(clinic.id):
        db.session.add(patient)
        db.session.flush()
        assert db.session.scalar(select(func.count()).where(Patient.id == patient.id)) == 1
        db.session.rollback()
        assert db.session.scalar(select(func.count()).where(Patient.id == patient.id)) == 0
        with pytest.raises(DBAPIError):
            db.session.scalar(select(literal(1) / literal(0)))
        db.session.rollback()
        assert db.session.scalar(CLINIC_KNOWN) == clinic.id


def rename(clinic_id: str, **values: Any) -> None:
    """Give the clinic a name together with the commit."""
    renaming = Kept(text("update clinic set name = :name where id = cast(:which as uuid)"))
    execute_with_commit(db.session.connection(), renaming, {"which": clinic_id, **values})


def name_of(clinic_id: str) -> str | None:
    return db.session.scalar(select(Clinic.name).where(Clinic.id == clinic_id))


def test_a_statement_that_goes_with_the_commit_is_durable(clinic: Any) -> None:
    with tenant_scope(clinic.id), unit_of_work():
        rename(clinic.id, name="Renamed with the commit")
        assert name_of(clinic.id) != "Renamed with the commit"
    with tenant_scope(clinic.id):
        assert name_of(clinic.id) == "Renamed with the commit"


def test_a_rollback_forgets_the_statement_that_waits_for_the_commit(clinic: Any) -> None:
    with tenant_scope(clinic.id):
        rename(clinic.id, name="Never")
        db.session.rollback()
        with unit_of_work():
            assert name_of(clinic.id) != "Never"
        assert name_of(clinic.id) != "Never"


def test_a_commit_fails_with_its_statement_and_takes_everything_along(clinic: Any) -> None:
    patient_id = new_id()
    with tenant_scope(clinic.id):
        with pytest.raises(DBAPIError), unit_of_work():
            db.session.add(Patient(id=patient_id, mrn="R-2", first_name="Nobody", last_name="Yet"))
            rename(clinic.id, name="much too long" * 100)
        assert db.session.scalar(select(func.count()).where(Patient.id == patient_id)) == 0
        assert db.session.scalar(CLINIC_KNOWN) == clinic.id


def test_ids_come_as_text(app_context: Any) -> None:
    assert isinstance(db.session.scalar(text("select gen_random_uuid()")), str)


def lose_connection() -> int:
    """The number of the connection that the next query would take; the server has closed it."""
    db.session.remove()
    db.engine.dispose()  # so that there is one connection, which the next query takes
    number: int = db.session.scalar(MYSELF)
    db.session.remove()
    owner = create_engine(db.engine.url)
    with owner.connect() as connection:
        connection.execute(text("select pg_terminate_backend(:number, 5000)"), {"number": number})
    owner.dispose()
    return number


def test_a_connection_that_was_lost_while_it_idled_is_replaced(
    app_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "TRUSTED_SECONDS", 0.0)
    number = lose_connection()
    assert db.session.scalar(MYSELF) != number


def test_a_connection_that_was_lost_just_now_fails_once(app_context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TRUSTED_SECONDS", 3600.0)
    number = lose_connection()
    with pytest.raises(DBAPIError):
        db.session.scalar(MYSELF)
    db.session.rollback()
    assert db.session.scalar(MYSELF) != number


LOCK = "select pg_advisory_xact_lock(20261121)"
HELD = text("select count(*) from pg_locks where locktype = 'advisory' and objid = 20261121 and pid = pg_backend_pid()")


@pytest.mark.parametrize("begun", [False, True])
def test_what_goes_with_the_beginning_is_done_once_and_ends_with_the_transaction(clinic: Any, begun: bool) -> None:
    with tenant_scope(clinic.id):
        if begun:
            assert db.session.scalar(CLINIC_KNOWN) == clinic.id
        execute_with_begin(db.session(), Message(LOCK.encode()), Message(b"savepoint here"))
        assert (db.session.scalar(HELD), db.session.scalar(CLINIC_KNOWN)) == (1, clinic.id)
        db.session.connection().exec_driver_sql("rollback to savepoint here")
        db.session.rollback()
        assert db.session.scalar(HELD) == 0


def test_one_message_answers_with_the_rows_of_its_last_statement(clinic: Any) -> None:
    with tenant_scope(clinic.id):
        assert execute_in_turn(db.session.connection(), LOCK, "select 1, 'a'") == [(1, "a")]


def test_a_refused_message_is_an_error_like_any_other(clinic: Any) -> None:
    with tenant_scope(clinic.id):
        with pytest.raises(DataError, match="division by zero"):
            execute_in_turn(db.session.connection(), "select 1", "select 1 / 0")
        db.session.rollback()
        with pytest.raises(DataError, match="division by zero"):
            execute_with_begin(db.session(), Message(b"select 1 / 0"))
            db.session.scalar(CLINIC_KNOWN)
        db.session.rollback()
        assert db.session.scalar(CLINIC_KNOWN) == clinic.id


def test_a_long_statement_is_read_for_its_parameters_once(clinic: Any) -> None:
    def read() -> int:
        wanted = f"select :number /* {'long ' * 2000} */"
        db.session.execute(text(wanted), {"number": 1})
        return _queries._query2pg.cache_info().misses

    with tenant_scope(clinic.id):
        assert read() == read()
