"""Events of clinics."""

from __future__ import annotations

from app.events.base import Category, Event


class ClinicCreated(Event):
    type = "clinic.created"
    category = Category.CLINIC
    subject = "clinic_id"
    clinic_id: str


class ClinicUpdated(Event):
    type = "clinic.updated"
    category = Category.CLINIC
    subject = "clinic_id"
    clinic_id: str


class ClinicDeleted(Event):
    """The clinic was archived; its data stays."""

    type = "clinic.deleted"
    category = Category.CLINIC
    subject = "clinic_id"
    clinic_id: str
