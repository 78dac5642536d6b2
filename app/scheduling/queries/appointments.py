"""Visits that the person who asks may see, one by one and in lists."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, select

from app.core.errors import NotFound
from app.core.paging import Rows
from app.core.principal import find_principal, own_patient_id
from app.core.tenant import db
from app.people.models import Doctor, Patient
from app.scheduling.models import Appointment, AppointmentChange, AppointmentStatus
from app.scheduling.queries.slots import local_bounds
from app.tenancy.queries import settings_in_scope

LISTED = (
    Appointment.id,
    Appointment.status,
    Appointment.type,
    Appointment.starts_at,
    Appointment.ends_at,
    Appointment.doctor_id,
    Appointment.patient_id,
    Appointment.location_id,
    Appointment.room_id,
    Appointment.overbooked,
    Appointment.payment_due_at,
    Doctor.title,
    Doctor.first_name,
    Doctor.last_name,
    Patient.mrn,
    Patient.first_name.label("patient_first_name"),
    Patient.last_name.label("patient_last_name"),
)


def visible(statement: Any) -> Any:
    """Narrow a select over Appointment: a PATIENT sees their own visits, a LOCATION_HEAD those of their location."""
    return statement.where(*(getattr(Appointment, name) == value for name, value in _narrowed_to().items()))


def _narrowed_to() -> dict[str, str]:
    """Columns that hold one value in all rows that the person may see."""
    own = own_patient_id()
    if own is not None:
        return {"patient_id": own}
    principal = find_principal()
    location_id = principal.active.location_id if principal and principal.active else None
    return {"location_id": location_id} if location_id else {}


def find_appointment(appointment_id: str) -> Appointment | None:
    return db.session.scalar(visible(select(Appointment).where(Appointment.id == appointment_id)))


def get_appointment(appointment_id: str) -> Appointment:
    """Raises NotFound, also for a visit that the person may not see."""
    appointment = find_appointment(appointment_id)
    if appointment is None:
        raise NotFound
    return appointment


def lock_appointment(appointment_id: str) -> Appointment:
    """The visit as it is now, locked until the transaction ends. Raises NotFound."""
    wanted = visible(select(Appointment).where(Appointment.id == appointment_id)).with_for_update(
        of=Appointment, key_share=True
    )
    appointment = db.session.scalar(wanted.execution_options(populate_existing=True))
    if appointment is None:
        raise NotFound
    return appointment


_CRITERIA = {
    "first": Appointment.starts_at >= bindparam("first"),
    "last": Appointment.starts_at < bindparam("last"),
    "doctor_id": Appointment.doctor_id == bindparam("doctor_id"),
    "patient_id": Appointment.patient_id == bindparam("patient_id"),
    "location_id": Appointment.location_id == bindparam("location_id"),
    "type": Appointment.type == bindparam("type"),
    "statuses": Appointment.status.in_(bindparam("statuses", expanding=True)),
    "own_patient_id": Appointment.patient_id == bindparam("own_patient_id"),
    "own_location_id": Appointment.location_id == bindparam("own_location_id"),
}


def appointment_rows(
    *,
    first: date | datetime | None = None,
    last: date | datetime | None = None,
    doctor_id: str | None = None,
    patient_id: str | None = None,
    location_id: str | None = None,
    statuses: tuple[str, ...] = (),
    type: str | None = None,
) -> Rows:
    """LISTED columns of visible visits with the names of doctor and patient. Dates are the clinic's and inclusive."""
    asked = {
        "first": None if first is None else _moment(first),
        "last": None if last is None else _moment(last, after=True),
        "doctor_id": doctor_id,
        "patient_id": patient_id,
        "location_id": location_id,
        "type": type,
        "statuses": statuses or None,
        **{f"own_{name}": value for name, value in _narrowed_to().items()},
    }
    values = {name: value for name, value in asked.items() if value is not None}
    return Rows(_listed(frozenset(values)), values)


@cache
def _listed(asked: frozenset[str]) -> Select[Any]:
    """The select with these criteria: as many as there are ways to ask."""
    wanted: Any = (
        select(*LISTED)
        .join(Doctor, Doctor.id == Appointment.doctor_id)
        .join(Patient, Patient.id == Appointment.patient_id)
    )
    chosen: Select[Any] = wanted.where(*(_CRITERIA[name] for name in sorted(asked)))
    return chosen


def _moment(value: date | datetime, *, after: bool = False) -> datetime:
    """A moment as it is; of a date its first moment, or the first one after it."""
    return value if isinstance(value, datetime) else local_bounds(value, value)[1 if after else 0]


def history_of(appointment_id: str) -> list[AppointmentChange]:
    """Every change of a visit, oldest first."""
    wanted = select(AppointmentChange).where(AppointmentChange.appointment_id == appointment_id)
    return list(db.session.scalars(wanted.order_by(AppointmentChange.created_at, AppointmentChange.id)))


MOST_REQUESTS = 200


def requests_waiting() -> list[Appointment]:
    """Visits that wait for approval, the next one first."""
    wanted = visible(select(Appointment).where(Appointment.status == AppointmentStatus.REQUESTED))
    return list(db.session.scalars(wanted.order_by(Appointment.starts_at, Appointment.id).limit(MOST_REQUESTS)))


def count_requests() -> int | None:
    """For the menu; None where nothing waits or the clinic approves nothing."""
    if not settings_in_scope().approval_required:
        return None
    wanted = visible(select(func.count()).where(Appointment.status == AppointmentStatus.REQUESTED))
    return int(db.session.scalar(wanted) or 0) or None
