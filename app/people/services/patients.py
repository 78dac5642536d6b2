"""Registering patients and keeping what is known of them."""

from __future__ import annotations

from typing import Any

from pydantic.alias_generators import to_camel

from app.core import clock
from app.core.errors import Invalid
from app.core.series import next_number
from app.core.tenant import db
from app.events.services import publish
from app.people.demographics import problems_between, read_all
from app.people.events import PatientRegistered, PatientUpdated
from app.people.models import Patient
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


def archive_patient(patient: Patient) -> None:
    """Take a patient out of searches; their history stays, and `active` brings them back."""
    patient.active = False
    publish(PatientUpdated(patient_id=patient.id))


def _readable(values: dict[str, Any], known: dict[str, Any] | None = None) -> dict[str, Any]:
    settings = settings_in_scope()
    read, problems = read_all(values, settings.phone_region)
    problems = problems_between({**(known or {}), **read}, clock.today(settings.zone)) | problems
    if problems:
        raise Invalid(fields={to_camel(name): text for name, text in problems.items()})
    return read
