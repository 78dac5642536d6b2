"""Whatever happens at the cash desk in whatever order: drawers, payments and the ledger tell the same story."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.billing.models import CashDrawer, DayClose, DrawerHandover, MoneyMovement
from app.billing.services.cash_desk_drawers import (
    approve_difference,
    lock_drawer,
    lock_own_drawer,
    open_drawer,
    pay_in,
    pay_out,
)
from app.billing.services.cash_desk_handovers import accept_handover, decline_handover, offer_handover
from app.billing.services.cash_desk_movements import cash_in, find_own_drawer
from app.billing.services.day_close import close_day, day_to_close, state_of_day, totals_of
from app.billing.services.day_totals import day_totals, ledger_cash_of
from app.core import clock
from app.core.errors import AppError
from app.core.money import Money
from app.core.principal import Principal
from app.core.tenant import db, tenant_scope
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.payments.models import Payment, TenderKind
from app.payments.services import approve_refund, record_tender, request_refund
from tests.factories.access import make_clinic
from tests.factories.cash_desk import counted, doing, end_drawer, make_drawer, make_person
from tests.factories.people import make_patient

DEEDS = st.lists(
    st.tuples(
        st.sampled_from(
            ["open", "tender", "tender", "refund", "pay in", "pay out", "hand over", "accept", "decline", "close",
             "close short", "approve", "next day", "close day"]
        ),
        st.integers(0, 1),  # who
        st.integers(1, 200),  # amount in half rupees
        st.sampled_from(list(TenderKind)),
    ),
    min_size=4,
    max_size=24,
)  # fmt: skip


class CashDesk:
    """Two people and their drawers; keeps nothing of its own but the closes it has seen."""

    def __init__(self, time: ExitStack) -> None:
        self.time = time
        self.people = [make_person("FINANCE_BILLING"), make_person("FINANCE_BILLING")]
        self.patient_id = make_patient().id
        self.seen: dict[date, tuple[str, list[Any]]] = {}

    def do(self, deed: str, who: int, amount: Money, kind: str) -> None:
        """Refusals are fine: what must hold is checked after each deed, refused or not."""
        try:
            getattr(self, deed.replace(" ", "_"))(self.people[who], amount, kind)
        except AppError:
            db.session.rollback()

    def drawer(self, person: Principal) -> CashDrawer:
        known = find_own_drawer(person.user_id)
        if known is None:
            make_drawer(person, "100")
            known = find_own_drawer(person.user_id)
        assert known is not None
        return known

    def open(self, person: Principal, amount: Money, _kind: str) -> None:
        with doing(person):
            open_drawer(counted(amount))

    def tender(self, person: Principal, amount: Money, kind: str) -> None:
        with doing(person):
            record_tender(kind, amount, patient_id=self.patient_id)

    def refund(self, person: Principal, amount: Money, _kind: str) -> None:
        for payment in db.session.scalars(select(Payment).order_by(Payment.id.desc())):
            if payment.refundable:
                with doing(person):
                    approve_refund(request_refund(payment, min(amount, payment.refundable), "Refund"))
                return

    def pay_in(self, person: Principal, amount: Money, _kind: str) -> None:
        mine = self.drawer(person).id
        with doing(person):
            pay_in(lock_own_drawer(mine), amount, "SAFE", "Change")

    def pay_out(self, person: Principal, amount: Money, _kind: str) -> None:
        mine = self.drawer(person).id
        with doing(person):
            pay_out(lock_own_drawer(mine), amount, "BANK", "Deposit")

    def hand_over(self, person: Principal, amount: Money, _kind: str) -> None:
        mine = self.drawer(person)
        other = next(item for item in self.people if item is not person)
        with doing(person):
            there = cash_in(mine)
            offer_handover(lock_own_drawer(mine.id), other.user_id, counted(max(there - amount, there * 0)), "Counted")

    def _offer_to(self, person: Principal) -> DrawerHandover:
        wanted = select(DrawerHandover).where(
            DrawerHandover.status == "OFFERED", DrawerHandover.receiver_id == person.user_id
        )
        found = db.session.scalars(wanted).first()
        if found is None:
            raise AppError
        return found

    def accept(self, person: Principal, _amount: Money, _kind: str) -> None:
        offer = self._offer_to(person)
        with doing(person):
            accept_handover(offer.id, offer.count)

    def decline(self, person: Principal, _amount: Money, _kind: str) -> None:
        offer = self._offer_to(person)
        with doing(person):
            decline_handover(offer.id)

    def close(self, person: Principal, _amount: Money, _kind: str) -> None:
        self.drawer(person)
        end_drawer(person)

    def close_short(self, person: Principal, amount: Money, _kind: str) -> None:
        there = cash_in(self.drawer(person))
        end_drawer(person, str((there - min(amount, there)).major), "Gone")

    def approve(self, person: Principal, _amount: Money, _kind: str) -> None:
        for drawer in db.session.scalars(select(CashDrawer).where(CashDrawer.status == "COUNTED")).all():
            if drawer.holder_id != person.user_id:
                with doing(person):
                    approve_difference(lock_drawer(drawer.id))

    def next_day(self, _person: Principal, _amount: Money, _kind: str) -> None:
        self.time.enter_context(clock.travel(timedelta(days=1)))

    def close_day(self, person: Principal, _amount: Money, _kind: str) -> None:
        on = day_to_close()
        with doing(person):
            done = close_day(on)
        self.seen[on] = (done.number, totals_of(done))

    def check(self) -> None:
        in_use = Money.zero("INR")
        for drawer in db.session.scalars(select(CashDrawer)).all():
            expected = cash_in(drawer)
            assert ledger_cash_of(drawer.id, "INR") == expected
            assert expected.minor >= 0
            if drawer.status == "CLOSED":
                assert not expected
            in_use += expected
        assert all(line.agrees for line in state_of_day(day_to_close()).totals)
        closes = {close.business_on: close for close in db.session.scalars(select(DayClose))}
        assert closes.keys() == self.seen.keys()
        for day, (number, totals) in self.seen.items():
            assert (closes[day].number, totals_of(closes[day])) == (number, totals)
            assert day_totals(day) == totals, day
            assert all(line.agrees for line in totals), day
        nobodys = select(func.sum(MoneyMovement.amount_minor)).where(
            MoneyMovement.channel == "CASH", MoneyMovement.drawer_id.is_(None)
        )
        assert balance(AccountCode.CASH) - in_use == Money(int(db.session.scalar(nobodys) or 0), "INR")
        assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS)
def test_drawers_payments_and_ledger_agree_after_every_deed(app_context: Any, deeds: Any) -> None:
    with ExitStack() as time, tenant_scope(make_clinic().id):
        desk = CashDesk(time)
        for deed, who, halves, kind in deeds:
            desk.do(deed, who, Money(halves * 50, "INR"), kind)
            desk.check()
        numbers = [number for number, _ in desk.seen.values()]
        assert [int(number[-6:]) for number in numbers] == list(range(1, len(numbers) + 1))
