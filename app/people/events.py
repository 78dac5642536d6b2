"""Events of patients and doctors."""

from __future__ import annotations

from app.events.base import Category, Event


class PatientRegistered(Event):
    type = "patient.registered"
    category = Category.CLINIC
    subject = "patient_id"
    patient_id: str


class PatientUpdated(Event):
    type = "patient.updated"
    category = Category.CLINIC
    subject = "patient_id"
    patient_id: str


class PatientMerged(Event):
    """`merged_id` is `patient_id` from now on."""

    type = "patient.merged"
    category = Category.CLINIC
    subject = "patient_id"
    patient_id: str
    merged_id: str
    merge_id: str


class PatientUnmerged(Event):
    """`merged_id` stands alone again."""

    type = "patient.unmerged"
    category = Category.CLINIC
    subject = "patient_id"
    patient_id: str
    merged_id: str
    merge_id: str


class DoctorAdded(Event):
    type = "doctor.created"
    category = Category.CLINIC
    subject = "doctor_id"
    doctor_id: str


class DoctorUpdated(Event):
    type = "doctor.updated"
    category = Category.CLINIC
    subject = "doctor_id"
    doctor_id: str
