"""A safe that differs by more than the tolerance: a second person decides, once, whatever moves meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import g
from sqlalchemy import select

from app.billing.models import SafeCount
from app.billing.services.cash_desk_drawers import SecondPersonDecides
from app.billing.services.day_close import DayNotReady, close_day, state_of_day
from app.billing.services.safe import (
    approve_count,
    count_safe,
    open_safe,
    reject_count,
    safe_balances,
    take_to_bank,
    waiting_counts,
)
from app.core import clock
from app.core.errors import NotFound
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import Principal, acting_as
from app.core.state import WrongState
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from tests.billing.conftest import Api
from tests.daytime import ZONE_NAME
from tests.factories.access import make_clinic
from tests.factories.billing import rupees
from tests.factories.cash_desk import doing, make_person

ApiAs = Callable[..., Api]
HTML = {"Accept": "text/html"}
NOTHING = rupees("0")


def in_safe() -> Money:
    return safe_balances()[0]


@pytest.fixture
def counter(in_clinic: Any) -> Principal:
    """Who opened the safe with 5,000 and counts it."""
    person = make_person("FINANCE_BILLING")
    with doing(person):
        open_safe(rupees("5000"))
    return person


def miscount(person: Principal, amount: str = "4000") -> SafeCount:
    with doing(person):
        return count_safe(rupees(amount), "Nobody knows", key=new_id())


def test_a_second_person_books_it_and_the_counter_cannot(counter: Principal) -> None:
    count = miscount(counter)
    assert (count.status, in_safe(), balance(AccountCode.CASH_OVER_SHORT)) == ("COUNTED", rupees("5000"), NOTHING)
    with pytest.raises(SecondPersonDecides), doing(counter):
        approve_count(count.id)
    other = make_person("CLINIC_ADMIN")
    with doing(other):
        approve_count(count.id, "Seen with the camera")
    assert (in_safe(), balance(AccountCode.CASH_OVER_SHORT)) == (rupees("4000"), rupees("1000"))
    for decide in (approve_count, reject_count):
        with pytest.raises(WrongState), doing(other):
            decide(count.id)
    assert in_safe() == rupees("4000")


def test_what_moved_meanwhile_does_not_change_the_difference(counter: Principal) -> None:
    count = miscount(counter)
    with doing(counter):
        take_to_bank(rupees("3000"), "", key=new_id())
    with doing(make_person("CLINIC_ADMIN")):
        approve_count(count.id)
    assert (in_safe(), balance(AccountCode.CASH_OVER_SHORT)) == (rupees("1000"), rupees("1000"))


def test_rejected_it_is_counted_again_and_nothing_is_booked(counter: Principal) -> None:
    count = miscount(counter)
    with pytest.raises(SecondPersonDecides), doing(counter):
        reject_count(count.id)
    with doing(make_person("CLINIC_ADMIN")):
        reject_count(count.id, "Count the coins, too")
    assert (in_safe(), waiting_counts()) == (rupees("5000"), [])
    assert miscount(counter, "5000").status == "BOOKED"


def test_a_new_count_takes_the_place_of_one_that_waits(counter: Principal) -> None:
    first, second = miscount(counter), miscount(counter, "4500")
    assert [count.id for count in waiting_counts()] == [second.id]
    with pytest.raises(WrongState), doing(make_person("CLINIC_ADMIN")):
        approve_count(first.id)


def test_the_same_form_twice_is_one_count(counter: Principal) -> None:
    key = new_id()
    for _click in range(2):
        with doing(counter):
            count_safe(rupees("4995"), "Wrong change", key=key)
    assert len(db.session.scalars(select(SafeCount)).all()) == 1
    assert (in_safe(), balance(AccountCode.CASH_OVER_SHORT)) == (rupees("4995"), rupees("5"))


def test_the_day_waits_for_the_decision(counter: Principal) -> None:
    count, today = miscount(counter), clock.today(ZONE_NAME)
    assert [check.code for check in state_of_day(today).checks if not check.passed] == ["SAFE"]
    with pytest.raises(DayNotReady), doing(counter):
        close_day(today)
    with doing(make_person("CLINIC_ADMIN")):
        approve_count(count.id)
    with doing(counter):
        assert close_day(today).number


def test_another_clinics_count_is_not_there(counter: Principal) -> None:
    count = miscount(counter)
    db.session.rollback()
    with tenant_scope(make_clinic().id), pytest.raises(NotFound), doing(make_person("CLINIC_ADMIN")):
        approve_count(count.id)


def test_deciders_and_counters_at_once_book_one_difference_at_most(app: Any, clinic: Any, counter: Principal) -> None:
    count = miscount(counter)
    others = [make_person("CLINIC_ADMIN") for _number in range(6)]
    count_id = count.id
    db.session.rollback()

    def work(number: int) -> None:
        with app.app_context(), tenant_scope(clinic.id):
            try:
                if number < 6:
                    with acting_as(others[number]), unit_of_work():
                        approve_count(count_id)
                else:
                    with acting_as(counter), unit_of_work():
                        count_safe(rupees("4000"), "Again", key=new_id())
            except WrongState:
                return

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(work, range(10)))
    booked = [row for row in db.session.scalars(select(SafeCount)) if row.status == "BOOKED" and row.difference]
    assert balance(AccountCode.CASH_OVER_SHORT) == (rupees("1000") if booked else NOTHING)
    assert len(booked) <= 1
    assert in_safe() == (rupees("4000") if booked else rupees("5000"))


def test_it_is_decided_on_screen(api: ApiAs, counter: Principal) -> None:
    finance = api("FINANCE_BILLING")
    form = {"currency": "INR", "key": new_id(), "count_50000": "5", "reason": "Nobody knows"}
    assert finance.raw("POST", "/safe/count", headers=HTML, data=form).status_code == 302
    (count,) = waiting_counts()
    approve = f"/drawer-approvals/safe/{count.id}/approve"
    assert "a second person must approve it" in finance.raw("GET", "/safe/", headers=HTML).text
    own = finance.raw("GET", "/drawer-approvals/", headers=HTML).text
    assert "You counted: another person must decide." in own and approve not in own
    assert finance.raw("POST", approve, headers=HTML).status_code == 403
    g.pop("csrf_token", None)  # of the browser before, in this test's own context
    assert api("ACCOUNTANT").raw("POST", approve, headers=HTML).status_code == 403
    admin = api("CLINIC_ADMIN")
    assert approve in admin.raw("GET", "/drawer-approvals/", headers=HTML).text
    assert admin.raw("POST", approve, headers=HTML, data={"note": "Seen"}).status_code == 302
    assert in_safe() == rupees("2500")
    assert "Nobody knows" in admin.raw("GET", f"/safecountview/show/{count.id}", headers=HTML).text
