"""Doctors, what they practise and where."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app.core.errors import Invalid
from app.core.tenant import db
from app.events.services import publish
from app.people.demographics import read_all
from app.people.events import DoctorAdded, DoctorUpdated
from app.people.models import AppointmentType, Doctor, DoctorLocation, DoctorSpeciality
from app.tenancy.queries import settings_in_scope


def add_doctor(doctor: Doctor, *, speciality_ids: Iterable[str] = (), location_ids: Iterable[str] = ()) -> Doctor:
    """A doctor of the clinic with their specialities and locations. Raises Invalid."""
    _check(doctor)
    db.session.add(doctor)
    db.session.flush()
    _link(doctor, DoctorSpeciality, "speciality_id", speciality_ids)
    _link(doctor, DoctorLocation, "location_id", location_ids)
    publish(DoctorAdded(doctor_id=doctor.id))
    return doctor


def save_doctor(
    doctor: Doctor, *, speciality_ids: Iterable[str] | None = None, location_ids: Iterable[str] | None = None
) -> Doctor:
    """Record what was changed on a doctor; None leaves specialities or locations as they are. Raises Invalid."""
    _check(doctor)
    if speciality_ids is not None:
        _link(doctor, DoctorSpeciality, "speciality_id", speciality_ids)
    if location_ids is not None:
        _link(doctor, DoctorLocation, "location_id", location_ids)
    db.session.flush()
    publish(DoctorUpdated(doctor_id=doctor.id))
    return doctor


def archive_doctor(doctor: Doctor) -> None:
    """Take a doctor off the lists; their visits and prices stay, and `active` brings them back."""
    doctor.active = False
    publish(DoctorUpdated(doctor_id=doctor.id))


def _check(doctor: Doctor) -> None:
    """Raises Invalid; brings e-mail and telephone into their stored forms."""
    if not set(doctor.types or ()) <= set(AppointmentType):
        raise Invalid(fields={"types": _("There is no such kind of visit.")})
    contacts = {"first_name": doctor.first_name, "email": doctor.email, "phone": doctor.phone}
    read, problems = read_all(contacts, settings_in_scope().phone_region)
    if problems:
        raise Invalid(fields=problems)
    doctor.email, doctor.phone = read["email"], read["phone"]
    doctor.registration_number = (doctor.registration_number or "").strip() or None


def _link(doctor: Doctor, model: Any, column: str, wanted: Iterable[str]) -> None:
    """Make the rows between a doctor and what they are linked to equal to what is wanted."""
    rows = {getattr(row, column): row for row in db.session.scalars(select(model).where(model.doctor_id == doctor.id))}
    ids = set(wanted)
    for target, row in rows.items():
        if target not in ids:
            db.session.delete(row)
    db.session.add_all(model(doctor_id=doctor.id, **{column: target}) for target in sorted(ids - set(rows)))
    db.session.flush()
    db.session.expire(doctor, ["specialities", "locations"])
