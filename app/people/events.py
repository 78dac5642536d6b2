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
