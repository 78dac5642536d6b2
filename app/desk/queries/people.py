"""Who stands before the desk: what one should know of a patient before anything else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from app.billing.models import OWED, Invoice
from app.core import clock
from app.core.money import Money
from app.core.tenant import db
from app.desk.queries.visits import ARRIVING
from app.people.models import Patient
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.queries import local_bounds
from app.tenancy.queries import settings_in_scope

CAME = (AppointmentStatus.CHECKED_IN, AppointmentStatus.IN_PROGRESS, AppointmentStatus.COMPLETED)
IN_HOUSE = (AppointmentStatus.CHECKED_IN, AppointmentStatus.IN_PROGRESS)


@dataclass(frozen=True)
class PatientFacts:
    """The head of the pane. `owed` is what other invoices than the visit's own leave open."""

    patient: Patient
    age: int | None
    last_visit: datetime | None
    owed: Money


def patient_facts(patient: Patient, *, except_visit_id: str | None = None) -> PatientFacts:
    return PatientFacts(
        patient,
        age_on(patient.date_of_birth, clock.today(settings_in_scope().zone)),
        _last_visit(patient.id, except_visit_id),
        _owed(patient.id, except_visit_id),
    )


def age_on(born: date | None, today: date) -> int | None:
    """Whole years."""
    if born is None:
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _last_visit(patient_id: str, except_visit_id: str | None) -> datetime | None:
    wanted = select(func.max(Appointment.starts_at)).where(
        Appointment.patient_id == patient_id, Appointment.status.in_(CAME)
    )
    if except_visit_id:
        wanted = wanted.where(Appointment.id != except_visit_id)
    return db.session.scalar(wanted)


def _owed(patient_id: str, except_visit_id: str | None) -> Money:
    currency = settings_in_scope().currency
    open_part = func.greatest(Invoice.total_minor - Invoice.paid_minor - Invoice.credited_minor, 0)
    wanted = select(func.coalesce(func.sum(open_part), 0)).where(
        Invoice.patient_id == patient_id, Invoice.status.in_(OWED), Invoice.currency == currency
    )
    if except_visit_id:
        wanted = wanted.where(Invoice.appointment_id.is_distinct_from(except_visit_id))
    return Money(int(db.session.scalar(wanted) or 0), currency)


def find_visit_today(patient_id: str) -> Appointment | None:
    """The patient's visit that the desk has to do with today: the next one expected, or the one they are here for."""
    today = clock.today(settings_in_scope().zone)
    first, last = local_bounds(today, today)
    return db.session.scalar(
        select(Appointment)
        .where(
            Appointment.patient_id == patient_id,
            Appointment.starts_at >= first,
            Appointment.starts_at < last,
            Appointment.status.in_((*ARRIVING, *IN_HOUSE)),
        )
        .order_by(Appointment.status.in_(IN_HOUSE), Appointment.starts_at)
        .limit(1)
    )
