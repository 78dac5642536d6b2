"""A location's day as its head sees it: who is busy, who waits, who did not come or confirm, and what came in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.core import clock
from app.core.money import Money
from app.core.tenant import db
from app.desk.queries.queue import DoctorLine, queues_today
from app.desk.queries.visits import GONE
from app.people.models import Doctor, Patient
from app.reports.takings import TENDERS, takings
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.queries import local_bounds, local_day
from app.scheduling.queries.slots import diary_of
from app.tenancy.models import Room
from app.tenancy.queries import settings_in_scope

_S = AppointmentStatus
UNCONFIRMED = (_S.REQUESTED, _S.SCHEDULED)
MOST_ROWS = 30
AHEAD_DAYS = 2  # today and tomorrow: whom one still reaches in time
USUAL_DAYS = 28  # what today's no-shows are compared with


@dataclass
class Load:
    """A doctor's or a room's day. `open` is the time that can be booked; None for a room, which keeps no hours."""

    key: str
    name: str
    visits: int = 0
    seen: int = 0
    no_shows: int = 0
    booked: timedelta = timedelta(0)
    open: timedelta | None = None
    busy: bool = False
    line: DoctorLine | None = None

    @property
    def percent(self) -> int | None:
        """Booked of the open time; more than 100 where somebody is overbooked."""
        return round(100 * self.booked / self.open) if self.open else None

    @property
    def tone(self) -> str:
        return "bad" if (self.percent or 0) > 100 else "warn" if (self.percent or 0) >= 90 else "ok"  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Expected:
    """Somebody of whom it is not known whether they come."""

    id: str
    starts_at: datetime
    status: str
    patient_name: str
    phone: str | None
    doctor_name: str


@dataclass
class LocationDay:
    """Everything of the page."""

    on: date
    doctors: list[Load] = field(default_factory=list)
    rooms: list[Load] = field(default_factory=list)
    unconfirmed: list[Expected] = field(default_factory=list)
    usual_no_shows: float | None = None

    @property
    def visits(self) -> int:
        return sum(load.visits for load in self.doctors)

    @property
    def seen(self) -> int:
        return sum(load.seen for load in self.doctors)

    @property
    def no_shows(self) -> int:
        return sum(load.no_shows for load in self.doctors)

    @property
    def waiting(self) -> int:
        return sum(len(load.line.waiting) for load in self.doctors if load.line)

    @property
    def longest(self) -> timedelta | None:
        """The longest wait of those who wait now."""
        waits = [token.waited for load in self.doctors if load.line for token in load.line.waiting]
        return max(waits, default=None)

    @property
    def average(self) -> timedelta | None:
        """How long those waited today who were called."""
        waits = [wait for load in self.doctors if load.line for wait in load.line.waits]
        return sum(waits, timedelta()) / len(waits) if waits else None

    @property
    def open(self) -> timedelta:
        return sum((load.open for load in self.doctors if load.open), timedelta())

    @property
    def percent(self) -> int | None:
        booked = sum((load.booked for load in self.doctors), timedelta())
        return round(100 * booked / self.open) if self.open else None


def location_day(location_id: str) -> LocationDay:
    """Today at one location. A statement for the visits, one each for waits, no-shows and hours of a doctor."""
    today = clock.today(settings_in_scope().zone)
    visits = _visits(location_id, today)
    day = LocationDay(today, usual_no_shows=_usual_no_shows(location_id, today))
    todays = [row for row in visits if local_day(row.starts_at) == today]
    day.doctors = _loads(todays, "doctor_id", lambda row: f"{row.title} {row.last_name or row.first_name}".strip())
    day.rooms = _loads([row for row in todays if row.room_id], "room_id", lambda row: row.room)
    day.unconfirmed = [_expected(row) for row in visits if _is_unconfirmed(row)][:MOST_ROWS]
    lines = {line.doctor_id: line for line in queues_today(location_id=location_id)}
    _add_whoever_is_there(day, location_id, lines)
    for load in day.doctors:
        load.line = lines.get(load.key)
        slots = diary_of(load.key, today).timetable([today], None, location_id)
        load.open = sum((slot.ends_at - slot.starts_at for slot in slots), timedelta())
    return day


def _visits(location_id: str, today: date) -> list[Any]:
    first, last = local_bounds(today, today + timedelta(days=AHEAD_DAYS - 1))
    wanted = (
        select(
            Appointment.id,
            Appointment.status,
            Appointment.starts_at,
            Appointment.ends_at,
            Appointment.doctor_id,
            Appointment.room_id,
            Room.name.label("room"),
            Doctor.title,
            Doctor.first_name,
            Doctor.last_name,
            Patient.first_name.label("patient_first_name"),
            Patient.last_name.label("patient_last_name"),
            Patient.phone,
        )
        .join(Doctor, Doctor.id == Appointment.doctor_id)
        .join(Patient, Patient.id == Appointment.patient_id)
        .outerjoin(Room, Room.id == Appointment.room_id)
        .where(
            Appointment.location_id == location_id,
            Appointment.starts_at >= first,
            Appointment.starts_at < last,
            Appointment.status.not_in(GONE),
        )
        .order_by(Appointment.starts_at, Appointment.id)
    )
    return list(db.session.execute(wanted))


def _loads(rows: list[Any], key: str, name: Any) -> list[Load]:
    """By name."""
    found: dict[str, Load] = {}
    for row in rows:
        load = found.setdefault(getattr(row, key), Load(getattr(row, key), name(row)))
        load.visits += 1
        load.seen += row.status == _S.COMPLETED
        load.no_shows += row.status == _S.NO_SHOW
        load.busy = load.busy or row.status == _S.IN_PROGRESS
        if row.status != _S.NO_SHOW:
            load.booked += row.ends_at - row.starts_at
    return sorted(found.values(), key=lambda load: load.name)


def _add_whoever_is_there(day: LocationDay, location_id: str, lines: dict[str, DoctorLine]) -> None:
    """Doctors who have a queue and no visit: walk-ins only."""
    known = {load.key for load in day.doctors}
    day.doctors += [Load(key, line.doctor_name) for key, line in lines.items() if key not in known]


def _is_unconfirmed(row: Any) -> bool:
    return row.status in UNCONFIRMED and row.starts_at > clock.now()


def _expected(row: Any) -> Expected:
    return Expected(
        row.id,
        row.starts_at,
        row.status,
        f"{row.patient_first_name} {row.patient_last_name}".strip(),
        row.phone,
        f"{row.title} {row.last_name or row.first_name}".strip(),
    )


def _usual_no_shows(location_id: str, today: date) -> float | None:
    """No-shows in per cent of the visits that were due, over four weeks; None without any."""
    first, last = local_bounds(today - timedelta(days=USUAL_DAYS), today - timedelta(days=1))
    due, missed = func.count(), func.count().filter(Appointment.status == _S.NO_SHOW)
    row = db.session.execute(
        select(due, missed).where(
            Appointment.location_id == location_id,
            Appointment.starts_at >= first,
            Appointment.starts_at < last,
            Appointment.status.in_((_S.COMPLETED, _S.NO_SHOW)),
        )
    ).one()
    return 100 * row[1] / row[0] if row[0] else None


def takings_at(location_id: str) -> list[tuple[str, Money]]:
    """What today brought at the location by tender, refunds deducted; those without any left out."""
    currency, today = settings_in_scope().currency, clock.today(settings_in_scope().zone)
    sums = takings(today, today)
    wanted = (
        select(sums.c.account_code, func.sum(sums.c.came_minor - sums.c.went_minor))
        .where(sums.c.location_id == location_id, sums.c.currency == currency)
        .group_by(sums.c.account_code)
    )
    found = {row[0]: int(row[1]) for row in db.session.execute(wanted)}
    return [(str(code), Money(found[code], currency)) for code in TENDERS if code in found]
