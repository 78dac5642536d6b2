"""Verbs on patients and doctors. Callers commit."""

from app.people.services.consents import set_consent
from app.people.services.doctors import add_doctor, archive_doctor, save_doctor
from app.people.services.guardians import add_guardian, save_guardian, set_guardians
from app.people.services.merging import merge_patients, undo_merge
from app.people.services.patients import add_patient, archive_patient, register_patient, update_patient
from app.people.services.photos import set_photo

__all__ = [
    "add_doctor",
    "add_guardian",
    "add_patient",
    "archive_doctor",
    "archive_patient",
    "merge_patients",
    "register_patient",
    "save_doctor",
    "save_guardian",
    "set_consent",
    "set_guardians",
    "set_photo",
    "undo_merge",
    "update_patient",
]
