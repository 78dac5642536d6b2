"""Reading clinics and their settings."""

from __future__ import annotations

from flask import g, has_app_context
from sqlalchemy import select

from app.core.errors import NotFound
from app.core.tenant import db, require_clinic
from app.tenancy.models import Clinic
from app.tenancy.settings import ClinicSettings


def get_clinic(clinic_id: str) -> Clinic:
    """Raises NotFound."""
    clinic = db.session.get(Clinic, clinic_id)
    if clinic is None:
        raise NotFound
    return clinic


def clinic_in_scope() -> Clinic:
    return get_clinic(require_clinic())


def settings_in_scope() -> ClinicSettings:
    """The settings of the clinic in scope; read once per request or job."""
    clinic_id = require_clinic()
    known: dict[str, ClinicSettings] = g.setdefault("clinic_settings", {}) if has_app_context() else {}
    if clinic_id not in known:
        known[clinic_id] = ClinicSettings.model_validate(
            db.session.scalar(select(Clinic.settings_json).where(Clinic.id == clinic_id)) or {}
        )
    return known[clinic_id]
