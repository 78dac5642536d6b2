"""Verbs on patients and doctors. Callers commit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic.alias_generators import to_camel
from sqlalchemy import select

from app.core import clock
from app.core.errors import Invalid
from app.core.series import next_number
from app.core.tenant import db
from app.events.services import publish
from app.people.demographics import problems_between, read_all
from app.people.events import DoctorAdded, DoctorUpdated, PatientRegistered, PatientUpdated
from app.people.models import (
    AppointmentType,
    Consent,
    ConsentKind,
    Doctor,
    DoctorLocation,
    DoctorSpeciality,
    Guardian,
    Patient,
)
from app.people.queries.patient_search import MRN_DIGITS
from app.tenancy.queries import settings_in_scope


def register_patient(**values: Any) -> Patient:
    """A new patient with the next MRN of the clinic. Raises Invalid with a text per field (camelCase)."""
    return add_patient(_readable({"first_name": None, **values}))


def add_patient(values: dict[str, Any]) -> Patient:
    """Register a patient whose values were read and checked already (the import does)."""
    patient = Patient(**values)
    patient.mrn = f"{settings_in_scope().mrn_prefix}{next_number('mrn'):0{MRN_DIGITS}d}"
    db.session.add(patient)
    db.session.flush()
    publish(PatientRegistered(patient_id=patient.id))
    return patient


def update_patient(patient: Patient, **changes: Any) -> Patient:
    """Change what is given. Raises Invalid with a text per field (camelCase)."""
    dates = {"date_of_birth": patient.date_of_birth, "deceased_on": patient.deceased_on}
    for name, value in _readable(changes, known=dates).items():
        setattr(patient, name, value)
    if changes.get("phone"):
        patient.phone_raw = None
    db.session.flush()
    publish(PatientUpdated(patient_id=patient.id))
    return patient


def _readable(values: dict[str, Any], known: dict[str, Any] | None = None) -> dict[str, Any]:
    settings = settings_in_scope()
    read, problems = read_all(values, settings.phone_region)
    problems = problems_between({**(known or {}), **read}, clock.today(settings.zone)) | problems
    if problems:
        raise Invalid(fields={to_camel(name): text for name, text in problems.items()})
    return read


def set_guardians(patient: Patient, guardians: Iterable[dict[str, Any]]) -> None:
    """Replace who speaks for the patient. Raises Invalid."""
    region = settings_in_scope().phone_region
    rows = []
    for values in guardians:
        read, problems = read_all(values, region)
        if problems:
            raise Invalid(fields={f"guardians.{to_camel(name)}": text for name, text in problems.items()})
        rows.append(Guardian(patient_id=patient.id, **read))
    for old in db.session.scalars(select(Guardian).where(Guardian.patient_id == patient.id)):
        db.session.delete(old)
    db.session.add_all(rows)
    db.session.flush()
    db.session.expire(patient, ["guardians"])


def set_consent(patient: Patient, kind: str, given: bool) -> None:
    """Give or withdraw a consent; what was given stays on record. Twice is once. Raises Invalid."""
    if kind not in set(ConsentKind):
        raise Invalid(fields={f"consents.{kind}": "unknown"})
    standing = select(Consent).where(
        Consent.patient_id == patient.id, Consent.kind == kind, Consent.withdrawn_at.is_(None)
    )
    consent = db.session.scalar(standing)
    if given and consent is None:
        db.session.add(Consent(patient_id=patient.id, kind=kind))
    elif not given and consent is not None:
        consent.withdrawn_at = clock.now()
    db.session.flush()
    db.session.expire(patient, ["consents"])


def add_doctor(doctor: Doctor, *, speciality_ids: Iterable[str] = (), location_ids: Iterable[str] = ()) -> Doctor:
    """A doctor of the clinic with their specialities and locations. Raises Invalid."""
    _check_types(doctor)
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
    _check_types(doctor)
    if speciality_ids is not None:
        _link(doctor, DoctorSpeciality, "speciality_id", speciality_ids)
    if location_ids is not None:
        _link(doctor, DoctorLocation, "location_id", location_ids)
    db.session.flush()
    publish(DoctorUpdated(doctor_id=doctor.id))
    return doctor


def _check_types(doctor: Doctor) -> None:
    if not set(doctor.types or ()) <= set(AppointmentType):
        raise Invalid(fields={"types": "unknown"})


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
