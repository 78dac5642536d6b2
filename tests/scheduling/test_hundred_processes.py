"""Processes by the dozen, with `make chaos` a hundred, book, move, cancel, hold, pay and overbook one day; what they
were told is what is so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app.billing.models import Coverage, Invoice, Subscription
from app.core.tenant import db
from app.payments.models import Payment
from app.scheduling.models import HOLDING, Appointment, AppointmentChange, SlotHold
from tests.factories.access import bearer, make_member
from tests.factories.catalog import make_price
from tests.factories.people import make_doctor, make_patient
from tests.factories.scheduling import local, make_location, make_room, make_rule, tomorrow
from tests.factories.subscriptions import make_plan, make_subscription
from tests.walk.books import clinic_facts

pytestmark = pytest.mark.usefixtures("in_clinic")

DESKS, PATIENTS, QUOTA = 12, 25, 5
OPENS, HOURS = 8, 6
# All that may be answered; a deadlock, a timeout or a bug would be a 500.
EXPECTED = {
    "book": {(201, ""), (409, "SLOT_TAKEN")},
    "overbook": {(201, "")},
    "member": {(201, ""), (409, "SLOT_TAKEN"), (409, "QUOTA_EXHAUSTED")},
    "move": {(200, ""), (409, "SLOT_TAKEN"), (409, "WRONG_STATE")},
    "cancel": {(200, ""), (409, "WRONG_STATE")},
    "hold": {(201, ""), (409, "SLOT_TAKEN")},
    "drop": {(204, ""), (404, "NOT_FOUND")},
    "pay": {(201, ""), (409, "ALREADY_PAID"), (409, "NOT_PAYABLE"), (409, "COVERED")},
    "list": {(200, "")},
}


@dataclass
class Day:
    """Two doctors who share a room, so that a visit meets others by doctor and by room."""

    clinic_id: str
    doctors: list[str]
    subscription: str

    def plan(self, patients: list[str], desks: list[dict[str, str]], chief: dict[str, str]) -> dict[str, Any]:
        times = [local(tomorrow(), OPENS) + timedelta(minutes=15 * n) for n in range(4 * HOURS)]
        return {
            "day": tomorrow().isoformat(),
            "doctors": self.doctors,
            "patients": patients,
            "times": [moment.isoformat() for moment in times],
            "subscription": self.subscription,
            "desks": desks,
            "chief": chief,
            "seed": 20261121,
        }


def make_day(clinic_id: str) -> Day:
    location = make_location()
    room = make_room(location)
    doctors = [make_doctor(default_room_id=room.id) for _ in range(2)]
    for doctor in doctors:
        hours = {"opens": time(OPENS), "closes": time(OPENS + HOURS)}
        make_rule(doctor, location, tomorrow().weekday(), **hours)
    subscription = make_subscription(make_plan(quota=QUOTA))
    return Day(clinic_id, [doctors[0].id, doctors[0].id, doctors[0].id, doctors[1].id], subscription.id)


def gather(clinic: Any, people: int, acts: int) -> tuple[Day, list[dict[str, Any]]]:
    """Let them all loose on one day; the day, and what each was told."""
    make_price(amount="500.00")
    patients = [make_patient().id for _ in range(PATIENTS)]
    desks = [bearer(make_member(clinic.id, "RECEPTIONIST"), clinic.id) for _ in range(DESKS)]
    chief = bearer(make_member(clinic.id, "CLINIC_ADMIN"), clinic.id)
    day, rehearsal = make_day(clinic.id), make_day(clinic.id)
    plan = {"people": people, "acts": acts, **day.plan(patients, desks, chief)}
    plan["rehearsal"] = rehearsal.plan(patients, desks, chief)
    done = subprocess.run(
        [sys.executable, "-m", "tests.scheduling.crowd"],
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        env={**os.environ, "REQUESTS_PER_MINUTE": "1000000"},
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"')]
    assert done.returncode == 0, done.stderr[-3000:]
    ended, told = lines[0], lines[1:]
    assert ended["endings"] == [], done.stderr[-3000:]
    return day, told


def test_processes_by_the_dozen_at_one_day(clinic: Any) -> None:
    judge(*gather(clinic, people=36, acts=6))


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_a_hundred_processes_at_one_day(clinic: Any) -> None:
    judge(*gather(clinic, people=100, acts=60))


def judge(day: Day, told: list[dict[str, Any]]) -> None:
    db.session.rollback()
    seen = Counter((line["act"], line["status"], line["code"]) for line in told)
    strange = {key: number for key, number in seen.items() if key[1:] not in EXPECTED[key[0]]}
    assert strange == {}
    for act, status in (("book", 201), ("book", 409), ("move", 200), ("cancel", 200), ("hold", 201), ("overbook", 201)):
        assert any(key[:2] == (act, status) for key in seen), (act, status)
    assert overlaps(day) == []
    judge_visits(day, told)
    judge_money(day, told)


def answered(told: list[dict[str, Any]], act: str, status: int) -> list[str]:
    return [line["about"] for line in told if (line["act"], line["status"]) == (act, status)]


def overlaps(day: Day) -> list[Any]:
    """Pairs that take the same doctor or room at the same time without permission; and pairs of holds."""
    found = text("""
        select a.id, b.id from appointment a join appointment b on a.id < b.id
        where (a.doctor_id = b.doctor_id or a.room_id = b.room_id) and a.busy && b.busy
          and not a.overbooked and not b.overbooked and a.status = any(:holding) and b.status = any(:holding)
          and a.clinic_id = :clinic and b.clinic_id = :clinic
        union all
        select a.id, b.id from slot_hold a join slot_hold b on a.id < b.id and a.doctor_id = b.doctor_id
        where a.busy && b.busy and a.clinic_id = :clinic and b.clinic_id = :clinic
    """)
    values = {"clinic": day.clinic_id, "holding": [str(status) for status in HOLDING]}
    return list(db.session.execute(found, values))


def judge_visits(day: Day, told: list[dict[str, Any]]) -> None:
    """Each booking, move and cancellation that was confirmed happened once, and nothing else did."""
    visits = db.session.scalars(select(Appointment).where(Appointment.doctor_id.in_(day.doctors))).all()
    booked = [visit for act in ("book", "overbook", "member") for visit in answered(told, act, 201)]
    assert sorted(visit.id for visit in visits) == sorted(booked)
    cancelled = answered(told, "cancel", 200)
    assert sorted(visit.id for visit in visits if visit.status == "CANCELLED") == sorted(cancelled)
    changes = history([visit.id for visit in visits])
    moves = Counter(answered(told, "move", 200))
    for visit in visits:
        kinds = Counter(change.kind for change in changes[visit.id])
        assert (kinds["BOOKED"], kinds["RESCHEDULED"]) == (1, moves[visit.id])
        assert kinds["CANCELLED"] == (visit.status == "CANCELLED")
        assert changes[visit.id][-1].to_starts_at == visit.starts_at
        assert visit.busy.lower <= visit.starts_at < visit.ends_at <= visit.busy.upper
    holds = int(db.session.scalar(select(func.count()).where(SlotHold.doctor_id.in_(day.doctors))) or 0)
    assert holds <= len(answered(told, "hold", 201)) - len(answered(told, "drop", 204))


def history(visit_ids: list[str]) -> dict[str, list[AppointmentChange]]:
    found: dict[str, list[AppointmentChange]] = {visit_id: [] for visit_id in visit_ids}
    wanted = select(AppointmentChange).where(AppointmentChange.appointment_id.in_(visit_ids))
    for change in db.session.scalars(wanted.order_by(AppointmentChange.created_at, AppointmentChange.id)):
        found[change.appointment_id].append(change)
    return found


def judge_money(day: Day, told: list[dict[str, Any]]) -> None:
    """The quota counts what it covers; each visit was paid at most once; the books balance and the trail holds."""
    subscription = db.session.get_one(Subscription, day.subscription)
    covered = db.session.scalars(select(Coverage).where(Coverage.subscription_id == day.subscription)).all()
    counted = [item.appointment_id for item in covered if item.counted]
    assert subscription.used == len(counted) <= QUOTA
    assert sorted(item.appointment_id for item in covered) == sorted(answered(told, "member", 201))
    assert not set(counted) & set(answered(told, "cancel", 200))
    paid = answered(told, "pay", 201)
    assert len(set(paid)) == len(paid)
    payments = db.session.scalars(select(Payment).where(Payment.appointment_id.in_(paid))).all()
    assert len(payments) == len(paid)
    invoices = db.session.scalars(select(Invoice).where(Invoice.appointment_id.in_(paid))).all()
    assert all(invoice.paid_minor <= invoice.total_minor for invoice in invoices)
    facts = clinic_facts(day.clinic_id)
    assert facts["balanced"]
    assert facts["audit"] == []
