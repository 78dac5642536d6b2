"""A year of subscriptions: plans, who has them, what was billed and paid, and how each stands today."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.billing.models import (
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    Plan,
    Subscription,
    SubscriptionPeriod,
    SubscriptionStatus,
)
from app.billing.periods import add_periods
from app.billing.services.coverage import cover_visit, refusal_of
from app.billing.services.invoices import ISSUED
from app.billing.services.renewals import set_next_step
from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db
from app.demo.books import Books, book_entry, next_invoice_number, pay_at_desk
from app.demo.house import House
from app.ledger.accounts import AccountCode
from app.scheduling.queries import slots
from app.scheduling.services import book_appointment
from app.tenancy.queries import settings_in_scope

OPENS = time(8, 30)
# name, price in major units, period, trial days, visits, kinds of visit
PLANS = (
    ("Everyday care", 1200, "MONTH", 14, 2, ("IN_PERSON", "VIDEO_CALL")),
    ("Family care", 2500, "MONTH", 14, 5, ("IN_PERSON", "VIDEO_CALL")),
    ("Video only", 600, "MONTH", 7, 3, ("VIDEO_CALL",)),
    ("Year of care", 20000, "YEAR", 0, None, ("IN_PERSON", "VIDEO_CALL", "HOME_VISIT")),
)
S = SubscriptionStatus
FATES = (*[S.ACTIVE] * 22, *[S.TRIALING] * 5, *[S.CANCELLED] * 7, *[S.PAST_DUE] * 5, S.EXPIRED)
TENDERS = ("CASH", "UPI", "UPI", "CARD_TERMINAL")
LATE_DAYS = 4
VISITORS = 14


@dataclass
class Member:
    """One subscription while the year goes by; `last` is the day on which it stops being paid."""

    id: str
    patient_id: str
    plan: dict[str, Any]
    anchor: datetime
    fate: SubscriptionStatus
    last: date | None
    paid: int = 0
    bounds: tuple[datetime, datetime] | None = None
    bill_id: str | None = None
    periods: list[dict[str, Any]] = field(default_factory=list)


class Memberships:
    """Bills every day what is due on it."""

    def __init__(self, books: Books, patients: list[str], today: date, random: Random) -> None:
        self.books, self.today, self.random = books, today, random
        self.zone = ZoneInfo(settings_in_scope().zone)
        self.plans = list(self._plans())
        others = random.sample(patients[1:], len(FATES) - 1)
        fates = list(zip([patients[0], *others], FATES, strict=True))
        self.members = [self._member(patient_id, fate) for patient_id, fate in fates]

    def _plans(self) -> Iterator[dict[str, Any]]:
        for name, price, period, trial_days, quota, types in PLANS:
            plan = {"id": new_id(), "name": name, "price_minor": price * 100, "currency": "INR", "period": period,
                    "trial_days": trial_days, "quota": quota, "types": list(types)}  # fmt: skip
            self.books.rows.add(Plan, **plan)
            yield plan

    def _member(self, patient_id: str, fate: SubscriptionStatus) -> Member:
        plan = self.plans[0] if fate == S.TRIALING else self.random.choice(self.plans)
        begun, last = self._begun(fate, plan), None
        if fate == S.PAST_DUE:  # the period that ended some days ago was the last one paid
            plan = self.plans[1]
            begun = self._months_before(self.today - timedelta(days=self.random.randint(1, LATE_DAYS)))
            last = self.today - timedelta(days=LATE_DAYS + 1)
        elif fate in (S.CANCELLED, S.EXPIRED):
            last = begun + timedelta(days=self.random.randint(40, 200))
            last = min(last, self.today - timedelta(days=1))
        return Member(new_id(), patient_id, plan, datetime.combine(begun, OPENS, self.zone), fate, last)

    def _begun(self, fate: SubscriptionStatus, plan: dict[str, Any]) -> date:
        if fate == S.TRIALING:
            return self.today - timedelta(days=self.random.randint(0, plan["trial_days"] - 2))
        return self.today - timedelta(days=self.random.randint(60, 330))

    def _months_before(self, day: date) -> date:
        """Some months before a day, so that a period ends on it."""
        end = datetime.combine(day, OPENS, self.zone)
        return add_periods(end, "MONTH", -self.random.randint(2, 7), str(self.zone)).date()

    def bill(self, day: date) -> None:
        """What falls due on a day, in order of the books."""
        for member in self.members:
            if member.fate != S.TRIALING and self._due(member) == day:
                self._bill(member, day)

    def _due(self, member: Member) -> date:
        return self._start(member).astimezone(self.zone).date()

    def _start(self, member: Member) -> datetime:
        return add_periods(member.anchor, member.plan["period"], member.paid, str(self.zone))

    def _bill(self, member: Member, day: date) -> None:
        if member.fate in (S.CANCELLED, S.EXPIRED) and member.last is not None and day > member.last:
            return
        paid = not (member.fate == S.PAST_DUE and member.last is not None and day > member.last)
        if not paid and member.bill_id is not None:
            return
        invoice_id = self._invoice(member, day, paid)
        period = {"id": new_id(), "subscription_id": member.id, "number": member.paid + 1,
                  "plan_id": member.plan["id"], "invoice_id": invoice_id, "currency": "INR",
                  "price_minor": member.plan["price_minor"], "quota": member.plan["quota"]}  # fmt: skip
        if not paid:
            member.bill_id = invoice_id
            member.periods.append({**period, "starts_at": None, "ends_at": None})
            return
        starts = self._start(member)
        member.paid += 1
        member.bounds = (starts, self._start(member))
        member.periods.append({**period, "starts_at": starts, "ends_at": member.bounds[1]})

    def _invoice(self, member: Member, day: date, paid: bool) -> str:
        total, at, invoice_id = member.plan["price_minor"], datetime.combine(day, OPENS, self.zone), new_id()
        rows = self.books.rows
        rows.add(
            Invoice,
            id=invoice_id,
            number=next_invoice_number(self.books, day),
            status=InvoiceStatus.PAID if paid else InvoiceStatus.OPEN,
            patient_id=member.patient_id,
            appointment_id=None,
            location_id=None,
            doctor_id=None,
            opened_at=at,
            due_on=day,
            currency="INR",
            subtotal_minor=total,
            total_minor=total,
            paid_minor=total if paid else 0,
            created_at=at,
        )
        rows.add(
            InvoiceLine,
            id=new_id(),
            invoice_id=invoice_id,
            position=1,
            service_id=None,
            description=f"{member.plan['name']}, one {member.plan['period'].lower()}",
            currency="INR",
            unit_price_minor=total,
            net_minor=total,
            created_at=at,
        )
        lines = [(AccountCode.RECEIVABLE, total, member.patient_id), (AccountCode.REVENUE, -total, None)]
        book_entry(self.books, ISSUED, (Invoice.__tablename__, invoice_id), "", at, lines)
        if paid:
            pay_at_desk(self.books, member.patient_id, invoice_id, total, self.random.choice(TENDERS), at)
        return invoice_id

    def finish(self) -> None:
        """The subscriptions as they stand today, and their periods."""
        for member in self.members:
            self.books.rows.add(Subscription, **_row(member))
        for member in self.members:
            for period in member.periods:
                self.books.rows.add(SubscriptionPeriod, used=0, created_at=period["starts_at"] or clock.now(), **period)


def _row(member: Member) -> dict[str, Any]:
    plan, trial = member.plan, member.fate == S.TRIALING
    starts, ends = member.bounds or (None, None)
    if trial:
        starts, ends = member.anchor, member.anchor + timedelta(days=plan["trial_days"])
        member.periods.append(_trial(member, starts, ends))
    over = member.fate in (S.CANCELLED, S.EXPIRED)
    return {
        "id": member.id,
        "patient_id": member.patient_id,
        "plan_id": plan["id"],
        "status": member.fate,
        "currency": "INR",
        "price_minor": plan["price_minor"],
        "period": plan["period"],
        "quota": plan["quota"],
        "period_number": member.paid,
        "period_starts_at": starts,
        "period_ends_at": ends,
        "anchored_at": ends if trial else member.anchor,
        "anchor_periods": member.paid,
        "trial_ends_at": ends if trial else None,
        "started_at": None if trial else member.anchor,
        "auto_renew": member.fate != S.EXPIRED,
        "past_due_since": ends if member.fate == S.PAST_DUE else None,
        "reminders": 2 if member.fate == S.PAST_DUE else 0,
        "cancel_reason": "Moved to another town" if member.fate == S.CANCELLED else "",
        "ended_at": datetime.combine(member.last, OPENS, member.anchor.tzinfo) if over and member.last else None,
        "created_at": member.anchor,
    }


def _trial(member: Member, starts: datetime, ends: datetime) -> dict[str, Any]:
    plan = member.plan
    return {
        "id": new_id(), "subscription_id": member.id, "number": 0, "plan_id": plan["id"], "invoice_id": None,
        "currency": "INR", "price_minor": 0, "quota": plan["quota"], "starts_at": starts, "ends_at": ends,
    }  # fmt: skip


def use_memberships(house: House, today: date, random: Random) -> None:
    """Set the clock of each, and book visits of the days ahead on some."""
    live = select(Subscription).where(Subscription.status.in_((S.TRIALING, S.ACTIVE, S.PAST_DUE)))
    subscriptions = list(db.session.scalars(live.order_by(Subscription.id)))
    for subscription in subscriptions:
        set_next_step(subscription)
    open_ones = [item for item in subscriptions if refusal_of(item, "VIDEO_CALL") is None]
    for number, subscription in enumerate(open_ones[:VISITORS]):
        doctor_id, _doctor = house.doctors[number % len(house.doctors)]
        free = slots(doctor_id, today + timedelta(days=2 + number % 7), type="VIDEO_CALL")
        wanted = min(len(free), subscription.remaining if subscription.remaining is not None else 2, 1 + number % 3)
        for slot in random.sample(free, wanted):
            visit = book_appointment(
                patient_id=subscription.patient_id, doctor_id=doctor_id, type="VIDEO_CALL", starts_at=slot.starts_at
            )
            cover_visit(subscription.id, visit.id)
