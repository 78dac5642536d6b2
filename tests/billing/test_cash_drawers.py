"""A drawer: what goes in and out of it, who may do what with it, and that the books know where its cash is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.denominations import CURRENCIES, checked_count, count_of, denominations_of
from app.billing.models import CashDrawer, DrawerHandover, MoneyMovement
from app.billing.services.cash_desk_drawers import (
    DrawerOpen,
    SecondPersonDecides,
    approve_difference,
    ask_recount,
    lock_drawer,
    lock_own_drawer,
    open_drawer,
    pay_in,
    pay_out,
)
from app.billing.services.cash_desk_handovers import (
    CountsDiffer,
    accept_handover,
    decline_handover,
    offer_handover,
    take_from_absent,
)
from app.billing.services.cash_desk_movements import NoOpenDrawer, NotEnoughCash, cash_in, find_own_drawer
from app.billing.services.day_totals import ledger_cash_of
from app.core.errors import Conflict, Invalid, NotFound
from app.core.money import Money
from app.core.state import WrongState
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.services import approve_refund, record_tender, request_refund
from tests.factories.access import make_clinic
from tests.factories.billing import rupees
from tests.factories.cash_desk import counted, doing, end_drawer, make_drawer, make_person, set_rules
from tests.factories.people import make_patient


def take(person: Any, amount: str, kind: str = "CASH") -> Any:
    patient_id = make_patient().id
    with doing(person):
        return record_tender(kind, rupees(amount), patient_id=patient_id, reference="slip 1")


def test_cash_of_a_person_goes_into_their_own_drawer(in_clinic: Any) -> None:
    asha, ravi = make_person(), make_person()
    mine, theirs = make_drawer(asha, "1000"), make_drawer(ravi, "500")
    take(asha, "800")
    take(asha, "300", "UPI")
    take(ravi, "50")
    assert cash_in(mine) == rupees("1800")
    assert cash_in(theirs) == rupees("550")
    for drawer in (mine, theirs):
        assert ledger_cash_of(drawer.id, "INR") == cash_in(drawer)
    assert balance(AccountCode.CASH) == rupees("2350")


def test_a_cash_refund_is_paid_out_of_the_approvers_drawer(in_clinic: Any) -> None:
    finance = make_person("FINANCE_BILLING")
    drawer = make_drawer(finance, "100")
    payment = take(finance, "800")
    with doing(finance):
        approve_refund(request_refund(payment, rupees("300"), "Overcharged"))
    assert cash_in(drawer) == rupees("600") == ledger_cash_of(drawer.id, "INR")


def test_no_more_is_paid_out_than_is_there(in_clinic: Any) -> None:
    finance, desk = make_person("FINANCE_BILLING"), make_person()
    drawer = make_drawer(finance, "100")
    payment = take(desk, "800")
    with pytest.raises(NotEnoughCash), doing(finance):
        approve_refund(request_refund(payment, rupees("800"), "Overcharged"))
    with pytest.raises(NotEnoughCash), doing(finance):
        pay_out(lock_own_drawer(drawer.id), rupees("100.50"), "BANK", "Deposit")
    assert cash_in(drawer) == rupees("100")


def test_a_clinic_may_want_every_cash_tender_in_a_drawer(in_clinic: Any) -> None:
    asha = make_person()
    take(asha, "10")
    set_rules(in_clinic, cash_drawer_required=True)
    with pytest.raises(NoOpenDrawer) as refused:
        take(asha, "10")
    assert "My drawer" in str(refused.value.message)
    take(asha, "10", "UPI")
    make_drawer(asha)
    take(asha, "10")


def test_paid_in_and_paid_out_are_booked_with_their_reason(in_clinic: Any) -> None:
    asha = make_person()
    drawer = make_drawer(asha, "1000")
    with doing(asha):
        pay_in(lock_own_drawer(drawer.id), rupees("200"), "SAFE", "Change")
        pay_out(lock_own_drawer(drawer.id), rupees("150.50"), "PETTY_EXPENSES", "Stamps")
    assert cash_in(drawer) == rupees("1049.50") == ledger_cash_of(drawer.id, "INR")
    assert balance(AccountCode.PETTY_EXPENSES) == rupees("150.50")
    with pytest.raises(Invalid), doing(asha):
        pay_out(lock_own_drawer(drawer.id), rupees("1"), "PETTY_EXPENSES", " ")
    with pytest.raises(Invalid), doing(asha):
        pay_out(lock_own_drawer(drawer.id), rupees("1"), "OTHER_INCOME", "Stamps")


def test_one_drawer_per_person_and_currency(in_clinic: Any) -> None:
    asha = make_person()
    make_drawer(asha)
    with pytest.raises(DrawerOpen):
        make_drawer(asha)
    with doing(asha):
        dollars = open_drawer({"2000": 3, "25": 2}, currency="USD")
    assert dollars.opening_float == Money(6050, "USD")


def test_a_closed_drawer_is_emptied_into_the_safe(in_clinic: Any) -> None:
    asha = make_person()
    drawer = make_drawer(asha, "1000")
    take(asha, "800")
    closed = end_drawer(asha)
    assert (closed.status, closed.difference) == ("CLOSED", rupees("0"))
    assert cash_in(drawer) == rupees("0") == ledger_cash_of(drawer.id, "INR")
    assert balance(AccountCode.SAFE) == rupees("800")
    assert balance(AccountCode.CASH) == rupees("0")


@pytest.mark.parametrize(("there", "short"), [("995", "5"), ("1010", "-10")], ids=["too little", "too much"])
def test_a_small_difference_is_booked_at_once(in_clinic: Any, there: str, short: str) -> None:
    asha = make_person()
    make_drawer(asha, "1000")
    with pytest.raises(Invalid):
        end_drawer(asha, there)
    assert end_drawer(asha, there, "Miscounted change").status == "CLOSED"
    assert balance(AccountCode.CASH_OVER_SHORT) == rupees(short)


def test_a_large_difference_waits_for_a_second_person(in_clinic: Any) -> None:
    asha, finance = make_person("FINANCE_BILLING"), make_person("FINANCE_BILLING")
    drawer = make_drawer(asha, "1000")
    assert end_drawer(asha, "900", "I do not know").status == "COUNTED"
    assert not balance(AccountCode.CASH_OVER_SHORT)
    with pytest.raises(SecondPersonDecides), doing(asha):
        approve_difference(lock_drawer(drawer.id))
    with doing(finance):
        decided = approve_difference(lock_drawer(drawer.id), "Seen")
    assert (decided.status, decided.decided_by_id) == ("CLOSED", finance.user_id)
    assert balance(AccountCode.CASH_OVER_SHORT) == rupees("100")
    assert ledger_cash_of(drawer.id, "INR") == rupees("0")
    with pytest.raises(WrongState), doing(finance):
        approve_difference(lock_drawer(drawer.id))


def test_a_second_person_may_ask_for_another_count(in_clinic: Any) -> None:
    asha, finance = make_person(), make_person("FINANCE_BILLING")
    drawer = make_drawer(asha, "1000")
    end_drawer(asha, "500", "In a hurry")
    with doing(finance):
        ask_recount(lock_drawer(drawer.id), "Look behind the tray")
    assert end_drawer(asha, "1000").status == "CLOSED"
    assert not balance(AccountCode.CASH_OVER_SHORT)


def offered(giver: Any, receiver: Any, amount: str = "1000", note: str = "") -> DrawerHandover:
    with doing(giver):
        known = find_own_drawer(giver.user_id)
        assert known is not None
        return offer_handover(lock_own_drawer(known.id), receiver.user_id, counted(amount), note)


def test_a_handover_needs_the_same_count_of_both(in_clinic: Any) -> None:
    asha, ravi = make_person(), make_person()
    drawer = make_drawer(asha, "1000")
    handover = offered(asha, ravi)
    with pytest.raises(NoOpenDrawer):
        take(asha, "10")
    with pytest.raises(CountsDiffer) as refused, doing(ravi):
        accept_handover(handover.id, counted("990"))
    assert "1,000.00" in str(refused.value.message)
    with pytest.raises(NotFound), doing(asha):
        accept_handover(handover.id, counted("1000"))
    with doing(ravi):
        taken_over = accept_handover(handover.id, counted("1000"))
    assert taken_over.received_from_id == drawer.id
    assert cash_in(taken_over) == rupees("1000") == ledger_cash_of(taken_over.id, "INR")
    with unit_of_work():
        assert lock_drawer(drawer.id).status == "CLOSED"
    assert cash_in(drawer) == rupees("0")
    take(ravi, "10")
    assert cash_in(taken_over) == rupees("1010")


def test_what_was_handed_over_is_not_counted_again_by_the_giver(in_clinic: Any) -> None:
    """Their drawer would be open, with cash in the books that a colleague works with."""
    asha, ravi, finance = make_person(), make_person(), make_person("FINANCE_BILLING")
    drawer = make_drawer(asha, "1000")
    handover = offered(asha, ravi, "500", "A note is missing")
    with doing(ravi):
        accept_handover(handover.id, counted("500"))
    with pytest.raises(Conflict) as refused, doing(finance):
        ask_recount(lock_drawer(drawer.id), "Look again")
    assert "handed over" in str(refused.value.message)
    with doing(finance):
        assert approve_difference(lock_drawer(drawer.id), "Seen").status == "CLOSED"
    assert balance(AccountCode.CASH) == rupees("500")
    assert balance(AccountCode.CASH_OVER_SHORT) == rupees("500")


@pytest.mark.parametrize("offering", [False, True], ids=["open", "offered to somebody who went, too"])
def test_the_drawer_of_somebody_absent_is_counted_and_taken_over(in_clinic: Any, offering: bool) -> None:
    """Else the day could not be closed before they are back. Who counted alone decides about no difference."""
    asha, ravi = make_person(), make_person()
    finance, admin = make_person("FINANCE_BILLING"), make_person("CLINIC_ADMIN")
    drawer = make_drawer(asha, "1000")
    take(asha, "200")
    if offering:
        handover = offered(asha, ravi, "1200")
    with pytest.raises(Invalid), doing(finance):
        take_from_absent(lock_drawer(drawer.id), counted("1200"), " ")
    with pytest.raises(Conflict), doing(asha):
        take_from_absent(lock_drawer(drawer.id), counted("1200"), "I am here")
    with doing(finance):
        taken = take_from_absent(lock_drawer(drawer.id), counted("700"), "Went home ill")
    assert (taken.holder_id, taken.received_from_id) == (finance.user_id, drawer.id)
    assert cash_in(taken) == rupees("700") == ledger_cash_of(taken.id, "INR")
    if offering:
        with pytest.raises(WrongState), doing(ravi):
            accept_handover(handover.id, counted("1200"))
    with pytest.raises(SecondPersonDecides), doing(finance):
        approve_difference(lock_drawer(drawer.id))
    with doing(admin):
        assert approve_difference(lock_drawer(drawer.id), "Seen").status == "CLOSED"
    assert balance(AccountCode.CASH) == rupees("700")
    assert balance(AccountCode.CASH_OVER_SHORT) == rupees("500")
    with pytest.raises(WrongState), doing(admin):
        take_from_absent(lock_drawer(drawer.id), counted("700"), "Again")


def test_a_declined_handover_leaves_the_drawer_as_it_was(in_clinic: Any) -> None:
    asha, ravi = make_person(), make_person()
    drawer = make_drawer(asha, "1000")
    handover = offered(asha, ravi)
    with doing(ravi):
        decline_handover(handover.id)
    take(asha, "10")
    assert cash_in(drawer) == rupees("1010")
    with pytest.raises(WrongState), doing(ravi):
        accept_handover(handover.id, counted("1000"))


def test_only_who_works_with_cash_takes_a_drawer_over(in_clinic: Any) -> None:
    asha, doctor = make_person(), make_person("DOCTOR")
    make_drawer(asha, "1000")
    for receiver in (doctor, asha):
        with pytest.raises(Invalid):
            offered(asha, receiver)


def test_a_drawer_is_its_holders_alone(in_clinic: Any) -> None:
    asha, ravi = make_person(), make_person()
    drawer = make_drawer(asha)
    with pytest.raises(NotFound), doing(ravi):
        pay_in(lock_own_drawer(drawer.id), rupees("1"), "SAFE", "Change")
    with tenant_scope(make_clinic().id), pytest.raises(NotFound), unit_of_work():
        lock_drawer(drawer.id)


def test_movements_never_change(in_clinic: Any) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    make_drawer(make_person())
    for statement in ("update money_movement set amount_minor = 1", "delete from money_movement"):
        with pytest.raises(DBAPIError, match="permission denied"), unit_of_work():
            db.session.execute(text(statement))
    assert db.session.scalars(select(MoneyMovement.amount_minor)).all() == [100_000]
    assert db.session.scalars(select(CashDrawer.status)).all() == ["OPEN"]


@pytest.mark.parametrize("currency", sorted([*CURRENCIES, "NPR", "TND", "KRW"]))
def test_every_amount_can_be_counted(app_context: Any, currency: str) -> None:
    worths = denominations_of(currency).all
    assert list(worths) == sorted(set(worths), reverse=True)
    amount = Money(worths[-1] * 12_345, currency)
    assert checked_count(count_of(amount), currency)[1] == amount


@pytest.mark.parametrize("count", [{"1": 1}, {"50000": -1}, {"50000": 10**9}, {"x": 1}])
def test_a_count_that_cannot_be_is_refused(in_clinic: Any, count: dict[str, int]) -> None:
    with pytest.raises(Invalid):
        make_person_open(count)


def make_person_open(count: dict[str, int]) -> None:
    with doing(make_person()):
        open_drawer(count)


def test_the_tolerance_is_the_clinics(in_clinic: Any) -> None:
    set_rules(in_clinic, cash_difference_tolerance=Decimal(0))
    asha = make_person()
    make_drawer(asha, "1000")
    assert end_drawer(asha, "999.50", "Half a rupee").status == "COUNTED"
