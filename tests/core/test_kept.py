"""Statements that are made once give what SQLAlchemy gives, and fail as its own do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import (
    ARRAY,
    CTE,
    Integer,
    any_,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal,
    select,
    text,
    true,
    values,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, Range
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, ProgrammingError

from app.core.ids import new_id
from app.core.kept import Kept, driver_beneath, driver_of
from app.core.tenant import db, execute_alone, read_kept, require_clinic, scoped, tenant_scope, told_clinic
from app.core.transaction import unit_of_work
from app.tenancy.models import Location
from tests.statements import recorded_statements

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KNOWN = Kept(select(func.current_setting("app.clinic_id", true()).label("known")))
LOCATION_NAMED = scoped(select(Location.id, Location.name).where(Location.name == bindparam("name")))


def add_location(name: str) -> str:
    with unit_of_work() as session:
        session.add(location := Location(name=name))
        session.flush()
        return location.id


def test_values_come_as_the_types_have_them(clinic: Any) -> None:
    hour = Range(NOON, NOON + timedelta(hours=1))
    asked = select(
        cast(bindparam("range", type_=TSTZRANGE), TSTZRANGE).label("range"),
        cast(bindparam("document", type_=JSONB), JSONB).label("document"),
        cast(literal(new_id()), Location.id.type).label("id"),
        literal([1, 2], ARRAY(Integer)).label("numbers"),
    )
    given = {"range": hour, "document": {"a": [1, None]}}
    with tenant_scope(clinic.id):
        (kept,) = read_kept(asked, given).all()
        (usual,) = db.session.connection().execute(asked, given).all()
    assert tuple(kept) == tuple(usual)
    assert (kept.range, kept.document, kept.numbers) == (hour, {"a": [1, None]}, [1, 2])


def test_the_clinic_is_asked_for_at_each_execution(clinic: Any, other_clinic: Any) -> None:
    with tenant_scope(clinic.id):
        own = add_location("Annexe")
    with tenant_scope(other_clinic.id):
        others = add_location("Annexe")
        assert [row.id for row in read_kept(LOCATION_NAMED, {"name": "Annexe"})] == [others]
    with tenant_scope(clinic.id):
        assert read_kept(LOCATION_NAMED, {"name": "Annexe"}).scalar() == own
        assert read_kept(LOCATION_NAMED, {"name": "None such"}).one_or_none() is None


def test_a_missing_value_is_a_bug_of_the_caller(clinic: Any) -> None:
    with tenant_scope(clinic.id), pytest.raises(KeyError, match="name"):
        read_kept(LOCATION_NAMED, {})


def test_a_list_goes_in_as_an_array(clinic: Any) -> None:
    numbers = values(column("n", Integer), name="given").data([(1,), (2,), (3,)])
    wanted = select(numbers.c.n).where(numbers.c.n == any_(bindparam("wanted", type_=ARRAY(Integer))))
    with tenant_scope(clinic.id):
        assert sorted(read_kept(wanted, {"wanted": [1, 3]}).scalars()) == [1, 3]
        grows = select(numbers.c.n).where(numbers.c.n.in_(bindparam("wanted", expanding=True)))
        with pytest.raises(TypeError, match="depends on its values"):
            read_kept(grows, {"wanted": [1, 3]})


def test_listeners_of_the_engine_hear_of_it(clinic: Any) -> None:
    with tenant_scope(clinic.id), recorded_statements() as sent:
        read_kept(LOCATION_NAMED, {"name": "Annexe"})
    assert [sql for sql in sent if "FROM location" in sql]


def test_a_refusal_is_sqlalchemys_without_the_values(clinic: Any) -> None:
    with tenant_scope(clinic.id), pytest.raises(IntegrityError) as caught, unit_of_work():
        nameless = text("insert into location (id, clinic_id) values (cast(:id as uuid), cast(:clinic as uuid))")
        Kept(nameless).execute(db.session.connection(), {"id": new_id(), "clinic": clinic.id})
    assert "[parameters" not in str(caught.value)


def test_a_lost_connection_leaves_the_pool(clinic: Any) -> None:
    with tenant_scope(clinic.id):
        with pytest.raises(OperationalError) as caught, unit_of_work() as session:
            driver = driver_of(session.connection())
            driver.close()
            read_kept(LOCATION_NAMED, {"name": "Annexe"})
        assert caught.value.connection_invalidated
        assert read_kept(LOCATION_NAMED, {"name": "Annexe"}).all() == []
        assert driver_of(db.session.connection()) is not driver


def add_alone(scope: CTE, clinic_id: str, name: str) -> str | None:
    """A location by one statement, as `clinic_id`'s; what it returns."""
    now = func.now()
    row = {"id": literal(new_id(), Location.id.type), "clinic_id": literal(clinic_id, Location.id.type)}
    row |= {"name": literal(name), "created_at": now, "updated_at": now}
    usual = {
        item.key: literal(item.default.arg, item.type)
        for item in Location.__table__.columns
        if item.key not in row and item.default is not None and item.default.is_scalar
    }
    given = row | usual
    adding = insert(Location).from_select(list(given), select(*given.values()).select_from(scope))
    return execute_alone(Kept(adding.returning(Location.name)), {}).scalar()


def test_one_statement_alone_is_durable_and_in_scope(clinic: Any) -> None:
    with tenant_scope(clinic.id):
        assert add_alone(told_clinic(), clinic.id, "Alone") == "Alone"
        assert not db.session().in_transaction()
        assert db.session.scalar(select(Location.name).where(Location.name == "Alone")) == "Alone"


def test_one_statement_alone_meets_the_second_wall(clinic: Any, other_clinic: Any) -> None:
    nobody_told = select(literal("nobody").label("clinic_id")).cte("nobody_told")
    with tenant_scope(clinic.id):
        for scope, whose in ((told_clinic(), other_clinic.id), (nobody_told, clinic.id)):
            with pytest.raises(DBAPIError, match="row-level security"):
                add_alone(scope, whose, "Over the wall")
        assert (
            db.session.scalar(select(func.count()).select_from(Location).where(Location.name == "Over the wall")) == 0
        )


def test_the_scope_of_one_statement_ends_with_it(clinic: Any) -> None:
    setting = select(func.current_setting("app.clinic_id", true()).label("known"))
    with tenant_scope(clinic.id):
        scope = told_clinic()
        assert execute_alone(Kept(select(scope.c.clinic_id)), {}).scalar() == require_clinic()
        assert execute_alone(Kept(setting), {}).scalar() in ("", None)


def status_of(connection: Any) -> TransactionStatus:
    """Without sending what waits for the first statement."""
    return driver_beneath(connection).info.transaction_status


def test_a_transaction_begins_with_its_first_statement(clinic: Any) -> None:
    with tenant_scope(clinic.id):
        for end in (db.session.commit, db.session.rollback):
            connection = db.session.connection()
            assert status_of(connection) == TransactionStatus.IDLE
            end()
        connection = db.session.connection()
        assert KNOWN.execute(connection, {}).scalar() == clinic.id
        assert status_of(connection) == TransactionStatus.INTRANS


def test_a_value_that_cannot_be_sent_leaves_the_beginning_for_what_comes_next(clinic: Any) -> None:
    with tenant_scope(clinic.id):
        with pytest.raises(DataError, match="NUL"):
            read_kept(LOCATION_NAMED, {"name": "Annexe\x00"})
        assert KNOWN.execute(db.session.connection(), {}).scalar() == clinic.id
        assert status_of(db.session.connection()) == TransactionStatus.INTRANS


def test_statements_are_prepared_once_and_anew_after_the_driver_dropped_them(clinic: Any) -> None:
    asked = Kept(select(literal(7401).label("kept_again")))
    prepared = text("select count(*) from pg_prepared_statements where statement like :pattern")
    pattern = {"pattern": "%kept_again%"}
    with tenant_scope(clinic.id):
        for _ in range(3):
            assert asked.execute(db.session.connection(), {}).scalar() == 7401
        for _ in range(10):
            assert db.session.scalar(prepared, pattern) == 1  # which the driver prepares for its part
        db.session.execute(text("create temp table dropped_with_it (id int)"))
        db.session.rollback()
        assert db.session.scalar(prepared, pattern) == 0
        for _ in range(2):
            assert asked.execute(db.session.connection(), {}).scalar() == 7401
            db.session.rollback()


def test_a_statement_that_cannot_be_prepared_fails_each_time_and_harms_no_other(clinic: Any) -> None:
    wrong, right = Kept(text("select nothing_like_it")), Kept(select(literal(1).label("one")))
    with tenant_scope(clinic.id):
        for _ in range(2):
            with pytest.raises(ProgrammingError, match="nothing_like_it"):
                wrong.execute(db.session.connection(), {})
            db.session.rollback()
            assert right.execute(db.session.connection(), {}).scalar() == 1


def test_a_snapshot_begins_with_a_statement_that_nobody_prepared_yet(clinic: Any) -> None:
    level = Kept(select(func.current_setting("transaction_isolation").label("level")))
    with tenant_scope(clinic.id, snapshot=True):
        assert level.execute(db.session.connection(), {}).scalar() == "repeatable read"


def test_who_is_stopped_while_waiting_leaves_no_answer_to_the_next(
    clinic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(BaseException):
        """As a job that took too long is."""

    def stop(*_arguments: Any, **_options: Any) -> None:
        raise Stopped

    with tenant_scope(clinic.id):
        with pytest.raises(Stopped), unit_of_work() as session, monkeypatch.context() as patched:
            patched.setattr(type(driver_of(session.connection())), "wait", stop)
            KNOWN.execute(session.connection(), {})
        assert KNOWN.execute(db.session.connection(), {}).scalar() == clinic.id
