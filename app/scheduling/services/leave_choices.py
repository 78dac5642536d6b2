"""What can be done with the visits that a leave meets: another time, a colleague, calling off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from app.core.money import Money
from app.core.tenant import db
from app.payments.models import Payment
from app.people.models import Doctor
from app.scheduling.models import Appointment
from app.scheduling.queries import slots
from app.scheduling.queries.slots import local_day
from app.scheduling.services.booking import MOVABLE
from app.tenancy.queries import settings_in_scope

LOOK_AHEAD_DAYS = 28
MOST_COLLEAGUES = 8
MOST_VISITS = 500


@dataclass(frozen=True)
class Target:
    """A slot that a visit can move to."""

    doctor: Doctor
    starts_at: datetime


@dataclass
class Affected:
    """A visit in the leave, what was paid for it, and where it could go: the best first."""

    visit: Appointment
    paid: Money
    targets: list[Target] = field(default_factory=list)


def affected_visits(doctor_id: str, starts_at: datetime, ends_at: datetime) -> list[Appointment]:
    """Visits of the doctor that meet the time and have not begun, in order of time."""
    wanted = select(Appointment).where(
        Appointment.doctor_id == doctor_id,
        Appointment.starts_at < ends_at,
        Appointment.starts_at > starts_at - timedelta(days=1),
        Appointment.ends_at > starts_at,
        Appointment.status.in_(MOVABLE),
    )
    return list(db.session.scalars(wanted.order_by(Appointment.starts_at, Appointment.id).limit(MOST_VISITS)))


def choices(doctor_id: str, starts_at: datetime, ends_at: datetime) -> list[Affected]:
    """Each visit with the same doctor's next time after the leave, and a colleague who is free at its own time.

    No slot is proposed for two visits.
    """
    visits = affected_visits(doctor_id, starts_at, ends_at)
    paid = _paid([visit.id for visit in visits])
    nothing = Money.zero(settings_in_scope().currency)
    found = [Affected(visit, paid.get(visit.id, nothing)) for visit in visits]
    _add_later(found, doctor_id, ends_at)
    _add_colleagues(found, doctor_id, starts_at, ends_at)
    return found


def _add_later(found: list[Affected], doctor_id: str, ends_at: datetime) -> None:
    """Kinds of visits share the doctor's time: a slot that overlaps one that is given out is not proposed."""
    doctor = db.session.get_one(Doctor, doctor_id)
    given: list[tuple[datetime, datetime]] = []
    later = {kind: _free(doctor_id, kind, ends_at) for kind in {item.visit.type for item in found}}
    for item in found:
        for begins, ends in later[item.visit.type]:
            if begins >= ends_at and all(ends <= first or begins >= last for first, last in given):
                given.append((begins, ends))
                item.targets.append(Target(doctor, begins))
                break


def _free(doctor_id: str, kind: str, from_: datetime) -> list[tuple[datetime, datetime]]:
    free = slots(doctor_id, local_day(from_), LOOK_AHEAD_DAYS, kind)
    return [(slot.starts_at, slot.ends_at) for slot in free]


def _add_colleagues(found: list[Affected], doctor_id: str, starts_at: datetime, ends_at: datetime) -> None:
    first = local_day(starts_at)
    days = min((local_day(ends_at) - first).days + 1, LOOK_AHEAD_DAYS)
    open_items = list(found)
    for colleague in _colleagues(doctor_id, {item.visit.type for item in found}):
        if not open_items:
            return
        open_items = list(_left_over(open_items, colleague, first, days))


def _left_over(items: Iterable[Affected], colleague: Doctor, first: date, days: int) -> Iterator[Affected]:
    """Gives the colleague's slots to the visits that they suit; yields the others."""
    free: dict[tuple[str, str], set[datetime]] = {}
    given: set[datetime] = set()
    for item in items:
        visit = item.visit
        key = visit.type, visit.location_id
        if key not in free and visit.type in colleague.types:
            known = slots(colleague.id, first, days, visit.type, visit.location_id)
            free[key] = {slot.starts_at for slot in known}
        if visit.starts_at in free.get(key, set()) - given:
            given.add(visit.starts_at)
            item.targets.append(Target(colleague, visit.starts_at))
        else:
            yield item


def _colleagues(doctor_id: str, kinds: set[str]) -> list[Doctor]:
    wanted = select(Doctor).where(Doctor.id != doctor_id, Doctor.active.is_(True)).order_by(Doctor.last_name, Doctor.id)
    suited = (doctor for doctor in db.session.scalars(wanted) if kinds & set(doctor.types))
    return [doctor for doctor, _place in zip(suited, range(MOST_COLLEAGUES), strict=False)]


def _paid(visit_ids: list[str]) -> dict[str, Money]:
    """What could be given back of the payments of each visit."""
    left = func.sum(Payment.captured_minor - Payment.refunded_minor - Payment.refund_pending_minor)
    wanted = select(Payment.appointment_id, Payment.currency, left).where(Payment.appointment_id.in_(visit_ids))
    rows = db.session.execute(wanted.group_by(Payment.appointment_id, Payment.currency))
    return {row[0]: Money(int(row[2]), row[1]) for row in rows if row[2] and row[0]}
