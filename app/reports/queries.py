"""What the charts of the reports page count, each in one statement. Revenue is the journal's, to the last paisa."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, cast, func, select

from app.core import clock
from app.core.principal import find_principal
from app.core.tenant import db
from app.people.models import Doctor, Patient
from app.reports.base import Filters
from app.reports.earnings import earnings
from app.reports.grouped import Sums, sums_by
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.queries import local_bounds
from app.tenancy.queries import settings_in_scope

DAYS_IN_MONTHS = 366
MOST_DOCTORS = 12
HELD = (AppointmentStatus.COMPLETED, AppointmentStatus.IN_PROGRESS)
CALLED_OFF = (AppointmentStatus.CANCELLED, AppointmentStatus.DECLINED)


@dataclass(frozen=True)
class Period:
    """Dates of the clinic, both inclusive, cut into days or months; of one location where `location_id` is set."""

    first: date
    last: date
    by: str
    location_id: str | None = None

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        return local_bounds(self.first, self.last)

    @property
    def steps(self) -> list[date]:
        """The first date of each day or month."""
        days = [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]
        return days if self.by == "day" else sorted({day.replace(day=1) for day in days})

    def step_of(self, moment: Any) -> ColumnElement[Any]:
        """The step that a moment (in the clinic's zone) or a date lies in."""
        local = func.timezone(settings_in_scope().zone, moment) if moment.type.python_type is datetime else moment
        return cast(func.date_trunc(self.by, local), Date)


def period_of(days: int) -> Period:
    """The last `days` dates up to today, or twelve months; a LOCATION_HEAD's own location."""
    today = clock.today(settings_in_scope().zone)
    principal = find_principal()
    location_id = principal.active.location_id if principal and principal.active else None
    if days < DAYS_IN_MONTHS:
        return Period(today - timedelta(days=days - 1), today, "day", location_id)
    eleven_months_ago = (today.replace(year=today.year - 1, day=1) + timedelta(days=31)).replace(day=1)
    return Period(eleven_months_ago, today, "month", location_id)


def visits_by_step(period: Period) -> dict[str, list[int]]:
    """Visits held, missed and called off, step by step."""
    step = period.step_of(Appointment.starts_at)
    wanted = select(step, *(func.count().filter(kind) for kind in _kinds().values())).group_by(step)
    rows = {row[0]: row[1:] for row in db.session.execute(_in_period(wanted, Appointment.starts_at, period))}
    return {name: [rows[day][at] if day in rows else 0 for day in period.steps] for at, name in enumerate(_kinds())}


def _kinds() -> dict[str, ColumnElement[bool]]:
    return {
        "held": Appointment.status.in_(HELD),
        "missed": Appointment.status == AppointmentStatus.NO_SHOW,
        "called_off": Appointment.status.in_(CALLED_OFF),
    }


def new_patients_by_step(period: Period) -> list[int]:
    step = period.step_of(Patient.created_at)
    wanted = _in_period(select(step, func.count()).group_by(step), Patient.created_at, period)
    rows = {row[0]: row[1] for row in db.session.execute(wanted)}
    return [rows.get(day, 0) for day in period.steps]


def revenue_by_step(period: Period) -> list[int]:
    """Earned without tax, discounts and credit notes taken off, in minor units of the clinic's currency."""
    rows = {row.key: row.values[0] for row in _earned(period, period.by)}
    return [rows.get(day, 0) for day in period.steps]


def revenue_by_doctor(period: Period) -> list[tuple[str, int]]:
    """The same money, by the doctor of the invoice that it was booked for; the most first."""
    return [(row.label, row.values[0]) for row in _earned(period, "doctor")][:MOST_DOCTORS]


def _earned(period: Period, group_by: str) -> list[Sums]:
    """From the sums of finished days and the journal of the others (ADR 24)."""
    filters = Filters(period.first, period.last, group_by, location_id=period.location_id)
    return sums_by(earnings(period.first, period.last), filters, group_by, ("net_minor",))


def visits_by_doctor(period: Period) -> list[tuple[str, int, int]]:
    """Name, visits held, visits missed; the busiest first."""
    held, missed = (func.count().filter(_kinds()[kind]) for kind in ("held", "missed"))
    wanted = (
        select(Doctor.title, Doctor.first_name, Doctor.last_name, held, missed)
        .join(Appointment, Appointment.doctor_id == Doctor.id)
        .group_by(Doctor.id, Doctor.title, Doctor.first_name, Doctor.last_name)
        .order_by(held.desc(), Doctor.id)
        .limit(MOST_DOCTORS)
    )
    rows = db.session.execute(_in_period(wanted, Appointment.starts_at, period))
    return [(_name(row), row[3], row[4]) for row in rows]


def _in_period(wanted: Any, moment: Any, period: Period) -> Any:
    first, last = period.bounds
    wanted = wanted.where(moment >= first, moment < last)
    visits = moment is Appointment.starts_at and period.location_id
    return wanted.where(Appointment.location_id == period.location_id) if visits else wanted


def _name(row: Any) -> str:
    return " ".join(part for part in row[:3] if part) or "–"
