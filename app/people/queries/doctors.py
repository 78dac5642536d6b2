"""Doctors of the clinic in scope."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, String, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, array

from app.core.errors import NotFound
from app.core.tenant import db
from app.people.models import Doctor, DoctorLocation, DoctorSpeciality, Speciality


def get_doctor(doctor_id: str) -> Doctor:
    """Raises NotFound."""
    doctor = db.session.scalar(select(Doctor).where(Doctor.id == doctor_id))
    if doctor is None:
        raise NotFound
    return doctor


def doctors_by_name(
    *, type: str | None = None, location_id: str | None = None, speciality: str | None = None
) -> Select[Any]:
    """Working doctors as rows of id, name parts, types and `specialities` (names), narrowed by what is given."""
    columns = (Doctor.id, Doctor.search_name, Doctor.title, Doctor.first_name, Doctor.last_name, Doctor.types)
    wanted = select(*columns, _speciality_names().label("specialities")).where(Doctor.active.is_(True))
    if type:
        wanted = wanted.where(Doctor.types.contains([type]))
    if location_id:
        wanted = wanted.where(Doctor.id.in_(_working_at(location_id)))
    if speciality:
        wanted = wanted.where(Doctor.id.in_(_practising(speciality)))
    return wanted


def _speciality_names() -> Any:
    names = func.array_agg(aggregate_order_by(Speciality.name, Speciality.name))
    return (
        select(func.coalesce(names, array([], type_=String)))
        .join(DoctorSpeciality, DoctorSpeciality.speciality_id == Speciality.id)
        .where(DoctorSpeciality.doctor_id == Doctor.id)
        .correlate(Doctor)
        .scalar_subquery()
    )


def _working_at(location_id: str) -> Any:
    return select(DoctorLocation.doctor_id).where(DoctorLocation.location_id == location_id)


def _practising(speciality: str) -> Any:
    same = func.lower(Speciality.name) == speciality.lower()
    practising = select(DoctorSpeciality.doctor_id).join(Speciality, Speciality.id == DoctorSpeciality.speciality_id)
    return practising.where(same)
