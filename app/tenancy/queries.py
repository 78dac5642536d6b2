"""Reading clinics and their settings."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import g, has_app_context
from sqlalchemy import select

from app.core.cache.regions import CLINIC_SETTINGS
from app.core.errors import NotFound
from app.core.tenant import db, require_clinic
from app.tenancy.cache import kept
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
    """The settings of the clinic in scope; taken from the cache once per request or job."""
    clinic_id = require_clinic()
    known: dict[str, ClinicSettings] = g.setdefault("clinic_settings", {}) if has_app_context() else {}
    if clinic_id not in known:
        known[clinic_id] = kept(CLINIC_SETTINGS, "all", lambda: _stored_settings(clinic_id), read=_settings)
    return known[clinic_id]


@lru_cache(maxsize=256)
def _settings(payload: bytes) -> ClinicSettings:
    """Frozen, so that all who read the same text may share it."""
    return ClinicSettings.model_validate_json(payload)


def _stored_settings(clinic_id: str) -> dict[str, Any]:
    return db.session.scalar(select(Clinic.settings_json).where(Clinic.id == clinic_id)) or {}
