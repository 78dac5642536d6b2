"""The close of a day: what stands in its way, that it is final, and that two totals must agree."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.billing.models import DayClose, MoneyMovement
from app.billing.services.cash_desk_drawers import approve_difference, lock_drawer, lock_own_drawer
from app.billing.services.cash_desk_handovers import offer_handover
from app.billing.services.day_close import DayNotReady, close_day, day_to_close, state_of_day, totals_of
from app.core import clock
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.models import JournalEntry
from app.ledger.services import DayClosed, closed_until, credit, debit, post, reverse
from app.payments.services import approve_refund, record_tender, request_refund
from app.tenancy.queries import settings_in_scope
from tests.daytime import on_the
from tests.factories.billing import collect, make_invoice, rupees
from tests.factories.cash_desk import counted, doing, end_drawer, make_drawer, make_person
from tests.factories.payments import make_payment, make_tender
from tests.factories.people import make_patient


def today() -> date:
    return clock.today(settings_in_scope().zone)


@pytest.fixture
def in_june() -> Iterator[None]:
    """Yesterday and today are of one financial year, and their numbers of one series."""
    with clock.travel(to=on_the(15, 6)):
        yield


def close(on: date | None = None) -> DayClose:
    with unit_of_work():
        return close_day(on or today())


def blocked(on: date | None = None) -> list[str]:
    return [check.code for check in state_of_day(on or today()).checks if not check.passed]


def test_a_close_is_numbered_and_says_what_was_taken(in_clinic: Any) -> None:
    finance = make_person("FINANCE_BILLING")
    make_drawer(finance, "1000")
    with doing(finance):
        paid = record_tender("CASH", rupees("800"), patient_id=make_patient().id)
        record_tender("UPI", rupees("300"), patient_id=make_patient().id)
    with doing(finance):
        approve_refund(request_refund(paid, rupees("100"), "Overcharged"))
    end_drawer(finance)
    with doing(finance):
        done = close_day(today())
    lines = {line.channel: (line.net, line.ledger_net) for line in totals_of(done)}
    assert done.number.startswith("DAY/") and done.number.endswith("000001")
    assert lines["CASH"] == (rupees("700"), rupees("700"))
    assert lines["UPI"] == (rupees("300"), rupees("300"))
    assert done.total == rupees("1000")
    assert done.closed_by_id == finance.user_id
    assert done.drawers[0]["taken_minor"] == 80_000
    assert (done.first_entry, done.last_entry) == (1, db.session.scalar(text("select max(number) from journal_entry")))


def test_what_comes_after_the_close_belongs_to_the_next_day(in_clinic: Any) -> None:
    make_tender()
    first = close()
    make_tender("CASH", rupees("50"))
    tomorrow = today() + timedelta(days=1)
    newest = db.session.scalars(select(JournalEntry.booked_on).order_by(JournalEntry.number.desc())).first()
    assert newest == tomorrow
    assert [line.net for line in state_of_day(tomorrow).totals if line.channel == "CASH"] == [rupees("50")]
    assert totals_of(first) == state_of_day(today()).totals


def test_a_day_is_closed_once_and_not_before_it_comes(in_clinic: Any) -> None:
    close()
    with pytest.raises(DayClosed):
        close()
    with pytest.raises(DayClosed):
        close(today() - timedelta(days=3))
    with pytest.raises(Invalid):
        close(today() + timedelta(days=1))


def test_numbers_have_no_gap_after_a_refused_close(in_clinic: Any, in_june: None) -> None:
    asha = make_person()
    close(today() - timedelta(days=1))
    make_drawer(asha)
    with pytest.raises(DayNotReady):
        close()
    end_drawer(asha)
    close()
    numbers = db.session.scalars(select(DayClose.number).order_by(DayClose.business_on)).all()
    assert [number[-6:] for number in numbers] == ["000001", "000002"]


def test_open_drawers_and_undecided_differences_block(in_clinic: Any) -> None:
    asha, finance = make_person(), make_person("FINANCE_BILLING")
    drawer = make_drawer(asha)
    assert blocked() == ["DRAWERS"]
    end_drawer(asha, "500", "I do not know")
    assert blocked() == ["DRAWERS"]
    with doing(finance):
        approve_difference(lock_drawer(drawer.id))
    assert blocked() == []


def test_an_unaccepted_handover_blocks(in_clinic: Any) -> None:
    asha, ravi = make_person(), make_person()
    drawer = make_drawer(asha)
    with doing(asha):
        offer_handover(lock_own_drawer(drawer.id), ravi.user_id, counted("1000"))
    assert blocked() == ["DRAWERS", "HANDOVERS"]


def test_an_unknown_payment_blocks(in_clinic: Any) -> None:
    from tests.factories.payments import make_gateway_account

    make_gateway_account()
    payment = make_payment()
    with unit_of_work():
        db.session.execute(text("update payment set in_doubt = true where id = :id"), {"id": payment.id})
    checks = {check.code: check.rows for check in state_of_day(today()).checks}
    assert [row[1] for row in checks["UNKNOWN_PAYMENTS"]] == [payment.id]
    with pytest.raises(DayNotReady):
        close()


def test_an_earlier_day_is_closed_first(in_clinic: Any) -> None:
    two_days_ago = today() - timedelta(days=2)
    close(two_days_ago)
    with clock.travel(timedelta(days=-1)):
        make_tender()
    assert blocked() == ["EARLIER_DAYS"]
    assert day_to_close() == today() - timedelta(days=1)
    close(today() - timedelta(days=1))
    assert day_to_close() == today()
    close()


def test_a_difference_between_the_two_totals_is_an_alarm(in_clinic: Any) -> None:
    """An entry on cash that no drawer or payment knows of: shown with both figures, and nothing is closed."""
    make_tender("CASH", rupees("800"))
    with unit_of_work():
        stray = [debit("CASH", rupees("5")), credit("REVENUE", rupees("5"))]
        entry = post("test.stray", stray, source=("clinic", new_id()))
    assert blocked() == ["TOTALS"]
    line = next(line for line in state_of_day(today()).totals if not line.agrees)
    assert (line.net, line.ledger_net) == (rupees("800"), rupees("805"))
    with pytest.raises(DayNotReady):
        close()
    with unit_of_work():
        reverse(db.session.get_one(JournalEntry, entry.id), "Wrong")
    line = next(line for line in state_of_day(today()).totals if line.cash_in_drawers)
    assert line.net == line.ledger_net


def test_a_reversed_capture_is_an_alarm(in_clinic: Any) -> None:
    make_tender("UPI", rupees("800"))
    with unit_of_work():
        entry = db.session.scalars(select(JournalEntry).where(JournalEntry.kind == "payment.captured")).one()
        reverse(entry, "Wrong")
    line = next(line for line in state_of_day(today()).totals if line.channel == "UPI")
    assert (line.net, line.ledger_net) == (rupees("800"), rupees("0"))


def test_a_payment_out_of_step_with_its_movements_blocks(in_clinic: Any) -> None:
    payment = make_tender("UPI", rupees("800"))
    with unit_of_work():
        db.session.add(
            MoneyMovement(
                id=new_id(), business_on=today(), kind="TENDER", channel="UPI", currency="INR", amount_minor=1,
                payment_id=payment.id, source_key="twice", counter="", reason="",
            )
        )  # fmt: skip
    assert blocked() == ["TOTALS", "OUT_OF_STEP"]


@pytest.mark.parametrize(
    "statement",
    [
        "update day_close set total_minor = 0",
        "delete from day_close",
        "update ledger_period set last_on = last_on - 1",
        "delete from ledger_period",
    ],
)
def test_a_closed_day_cannot_be_changed(in_clinic: Any, statement: str) -> None:
    make_tender()
    close()
    with pytest.raises(DBAPIError, match="permission denied"), unit_of_work():
        db.session.execute(text(statement))


def test_not_even_the_owner_of_the_tables_changes_it(in_clinic: Any, settings: Any) -> None:
    from sqlalchemy import create_engine

    make_tender()
    close()
    engine = create_engine(settings.database_url)
    for statement in ("update day_close set total_minor = 0", "delete from ledger_period"):
        with pytest.raises(DBAPIError, match="cannot be changed|not opened again"), engine.begin() as connection:
            connection.execute(text(statement))
    engine.dispose()


def test_the_database_refuses_an_entry_in_a_closed_day(in_clinic: Any) -> None:
    make_tender()
    on = today()
    close()
    values = {"id": new_id(), "clinic": in_clinic.id, "source": new_id(), "day": on}
    entry = text(
        "insert into journal_entry (id, clinic_id, kind, source_table, source_id, source_key, memo, booked_at,"
        " booked_on, line_count, created_at, updated_at)"
        " values (:id, :clinic, 'x', 'clinic', :source, '', '', now(), :day, 2, now(), now())"
    )
    with pytest.raises(DBAPIError, match="are closed"), unit_of_work():
        db.session.execute(entry, values)
    assert closed_until() == on


def test_a_day_closed_by_two_people_at_once_has_one_number(app: Any, clinic: Any) -> None:
    start = Barrier(2)

    def attempt(_: int) -> str:
        with app.app_context(), tenant_scope(clinic.id):
            start.wait(60)
            try:
                return close().number
            except Conflict as refused:
                return refused.code

    with tenant_scope(clinic.id):
        make_tender()
    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(attempt, range(2)))
    assert answers[0].startswith("DAY/") and answers[1] == "DAY_CLOSED"
    with tenant_scope(clinic.id):
        assert len(db.session.scalars(select(DayClose.id)).all()) == 1


def test_tenders_that_race_the_close_are_wholly_before_or_after_it(app: Any, clinic: Any) -> None:
    with tenant_scope(clinic.id):
        on = today()
        invoices = [make_invoice("10.00").id for _ in range(24)]
    start = Barrier(7)

    def pay(mine: list[str]) -> None:
        from app.billing.queries import get_invoice

        with app.app_context():
            start.wait(60)
            for invoice_id in mine:
                with tenant_scope(clinic.id):
                    collect(get_invoice(invoice_id))

    def shut(_: list[str]) -> None:
        with app.app_context():
            start.wait(60)
            with tenant_scope(clinic.id):
                close(on)

    work = [(pay, invoices[at::6]) for at in range(6)] + [(shut, [])]
    with ThreadPoolExecutor(7) as pool:
        list(pool.map(lambda item: item[0](item[1]), work))
    with tenant_scope(clinic.id):
        done = db.session.scalars(select(DayClose)).one()
        assert totals_of(done) == state_of_day(on).totals
        days = {on: 0, on + timedelta(days=1): 0}
        for day in days:
            state = state_of_day(day)
            assert all(line.agrees for line in state.totals)
            days[day] = sum(line.net.minor for line in state.totals if line.channel == "CASH")
        assert sum(days.values()) == 24 * 1000
        per_payment = db.session.execute(
            text(
                "select count(distinct e.booked_on) from payment p join payment_attempt a on a.payment_id = p.id"
                " join invoice_allocation i on i.payment_id = p.id join journal_entry e on e.source_id in (a.id, i.id)"
                " where p.clinic_id = :clinic group by p.id"
            ),
            {"clinic": clinic.id},
        )
        assert {row[0] for row in per_payment} == {1}


@pytest.mark.parametrize("later", [0, 2], ids=["the same day", "two days later"])
def test_a_refund_that_the_bank_returns_counts_on_the_day_it_came_back(in_clinic: Any, later: int) -> None:
    from app.payments.gateways.base import RefundState
    from app.payments.services.facts import apply_fact, apply_refund_fact
    from tests.factories.payments import make_fact, make_gateway_account, make_refund_fact

    make_gateway_account()
    payment = make_payment(order_id="order_1")
    with unit_of_work():
        apply_fact(payment.id, make_fact(payment))
    given = make_refund_fact(rupees("300"), refund_id="rfnd_1")
    with unit_of_work():
        apply_refund_fact(payment.id, given)
    first = [(line.net, line.ledger_net) for line in state_of_day(today()).totals]
    assert first == [(rupees("500"), rupees("500"))]
    with clock.travel(timedelta(days=later)):
        with unit_of_work():
            apply_refund_fact(payment.id, make_refund_fact(rupees("300"), RefundState.FAILED, refund_id="rfnd_1"))
        came_back = [(line.net, line.ledger_net, line.agrees) for line in state_of_day(today()).totals]
        expected = rupees("300") if later else rupees("800")
        assert came_back == [(expected, expected, True)]
        assert blocked() == []
