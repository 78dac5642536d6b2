"""Closed days take no entry: what comes later is booked on the first open day, corrections too."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.core import clock
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.models import JournalEntry, LedgerPeriod
from app.ledger.queries import balance
from app.ledger.services import (
    DayClosed,
    booking_day,
    close_books,
    closed_until,
    credit,
    debit,
    post,
    reverse,
)
from app.tenancy.queries import settings_in_scope
from tests.factories.access import make_clinic


def today() -> date:
    return clock.today(settings_in_scope().zone)


def sale(minor: int = 100) -> JournalEntry:
    amount = Money(minor, "INR")
    with unit_of_work():
        return post("test.sale", [debit("CASH", amount), credit("REVENUE", amount)], source=("clinic", new_id()))


def close(on: date) -> LedgerPeriod:
    with unit_of_work():
        return close_books(on)


def test_entries_go_to_today_while_it_is_open(in_clinic: Any) -> None:
    close(today() - timedelta(days=1))
    assert sale().booked_on == today()
    assert closed_until() == today() - timedelta(days=1)


def test_entries_after_the_close_go_to_the_next_day(in_clinic: Any) -> None:
    sale()
    close(today())
    assert sale().booked_on == today() + timedelta(days=1)
    with clock.travel(timedelta(days=3)):
        assert sale().booked_on == today()


def test_a_correction_of_a_closed_day_is_booked_in_an_open_one(in_clinic: Any) -> None:
    entry = sale()
    close(today())
    with unit_of_work():
        opposite = reverse(db.session.get_one(JournalEntry, entry.id), "Wrong")
    assert (entry.booked_on, opposite.booked_on) == (today(), today() + timedelta(days=1))
    assert not balance("CASH")


def test_a_period_reaches_back_to_the_first_entry_and_then_to_the_one_before(in_clinic: Any) -> None:
    with clock.travel(timedelta(days=-10)):
        first = sale().booked_on
    one, two = close(today() - timedelta(days=3)), close(today())
    assert (one.first_on, one.last_on) == (first, today() - timedelta(days=3))
    assert (two.first_on, two.last_on) == (today() - timedelta(days=2), today())
    for day in (today(), first):
        with pytest.raises(DayClosed):
            close(day)


def test_one_transaction_books_on_one_day(in_clinic: Any) -> None:
    with unit_of_work():
        before = booking_day()
        with clock.travel(timedelta(days=1)):
            assert booking_day() == before
    with clock.travel(timedelta(days=1)), unit_of_work():
        assert booking_day() == before + timedelta(days=1)


def test_a_savepoint_that_was_undone_leaves_nothing_behind(in_clinic: Any) -> None:
    with unit_of_work():
        with pytest.raises(RuntimeError), db.session.begin_nested():
            booking_day()
            raise RuntimeError
        assert booking_day() == today()


def test_the_next_clinic_is_not_closed(in_clinic: Any) -> None:
    close(today())
    with tenant_scope(make_clinic().id):
        assert closed_until() is None
        assert sale().booked_on == today()


@pytest.mark.parametrize("back", [0, 5])
def test_the_database_refuses_what_gets_round_the_services(in_clinic: Any, back: int) -> None:
    sale()
    close(today())
    values = {"id": new_id(), "clinic": in_clinic.id, "day": today() - timedelta(days=back)}
    period = text(
        "insert into ledger_period (id, clinic_id, first_on, last_on, closed_at, created_at, updated_at)"
        " values (:id, :clinic, :day, :day, now(), now(), now())"
    )
    with pytest.raises(DBAPIError, match="are closed already"), unit_of_work():
        db.session.execute(period, values)
    assert len(db.session.scalars(select(LedgerPeriod.id)).all()) == 1
