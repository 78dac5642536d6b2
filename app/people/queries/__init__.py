"""Reading doctors and patients. A PATIENT reaches only their own record, whoever asks."""

from app.people.queries.doctors import doctors_by_name, get_doctor
from app.people.queries.patient_search import patient_page, search_patients
from app.people.queries.patients import find_duplicates, find_patient, get_patient, photo_url

__all__ = [
    "doctors_by_name",
    "find_duplicates",
    "find_patient",
    "get_doctor",
    "get_patient",
    "patient_page",
    "photo_url",
    "search_patients",
]
