"""How connections begin and idle: the second wall always knows the scope, and a lost connection is replaced."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from app.core import connections
from app.core.tenant import Scope, db, enter_scope, leave_scope, tenant_scope
from app.core.transaction import unit_of_work

CLINIC_KNOWN = text("select current_setting('app.clinic_id', true)")
MYSELF = text("select pg_backend_pid()")


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
