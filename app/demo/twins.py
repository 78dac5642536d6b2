"""Two people who are registered twice, for whoever wants to see how records are merged."""

from __future__ import annotations

from app.people.models import Patient
from app.people.queries import get_patient
from app.people.services import register_patient


def register_twice(patients: list[str]) -> None:
    """Once more, as it happens: the name and the birth date again, another or no telephone."""
    for patient_id, phone in ((patients[7], None), (patients[19], "+91 98450 99119")):
        _again(get_patient(patient_id), phone)


def _again(patient: Patient, phone: str | None) -> None:
    register_patient(
        first_name=patient.first_name,
        last_name=patient.last_name,
        date_of_birth=patient.date_of_birth,
        gender=patient.gender,
        phone=phone,
        city=patient.city,
    )
