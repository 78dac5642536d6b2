"""One patient, and patients that may be the same person."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select

from app.core.errors import NotFound
from app.core.principal import own_patient_id
from app.core.tenant import db
from app.people.models import Patient, search_names

MOST_DUPLICATES = 10


def own_patients_only(statement: Select[Any]) -> Select[Any]:
    """Narrow a select over Patient to what the person who asks may see."""
    own = own_patient_id()
    return statement if own is None else statement.where(Patient.id == own)


def find_patient(patient_id: str) -> Patient | None:
    """The patient; whoever a merged record belongs to now, for that one's id."""
    found = db.session.scalar(own_patients_only(select(Patient).where(Patient.id == patient_id)))
    while found is not None and found.merged_into_id is not None:
        found = db.session.get_one(Patient, found.merged_into_id)
    return found


def survivor_id(patient_id: str) -> str:
    """Whose id a merged record's id stands for; any other id as it is."""
    while into := db.session.scalar(select(Patient.merged_into_id).where(Patient.id == patient_id)):
        patient_id = into
    return patient_id


def get_patient(patient_id: str) -> Patient:
    """Raises NotFound, also for a PATIENT who asks for somebody else."""
    patient = find_patient(patient_id)
    if patient is None:
        raise NotFound
    return patient


def photo_url(patient: Patient) -> str | None:
    """Where the photograph is served; the picture's id in it makes a new one a new address."""
    return f"/api/v1/patients/{patient.id}/photo?v={patient.photo_id}" if patient.photo_id else None


def find_duplicates(
    first_name: str,
    last_name: str,
    date_of_birth: date | None = None,
    phone: str | None = None,
    *,
    except_id: str | None = None,
) -> list[Patient]:
    """Patients with the same name and date of birth, or with the same telephone number (E.164)."""
    signs: list[ColumnElement[bool]] = []
    if date_of_birth:
        same_name = Patient.search_name == search_names(first_name, last_name)[0]
        signs.append(same_name & (Patient.date_of_birth == date_of_birth))
    if phone:
        signs.append(Patient.phone == phone)
    if not signs:
        return []
    wanted = select(Patient).where(or_(*signs), Patient.active.is_(True)).order_by(Patient.id).limit(MOST_DUPLICATES)
    return list(db.session.scalars(wanted.where(Patient.id != except_id) if except_id else wanted))
