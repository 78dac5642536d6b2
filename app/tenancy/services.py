"""Verbs on clinics. Callers commit."""

from __future__ import annotations

from typing import Any

from flask import g, has_app_context
from flask_babel import gettext as _
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError

from app.core.errors import Conflict, Invalid
from app.core.tenant import db
from app.core.value_words import fields_of
from app.events.services import publish
from app.tenancy.events import ClinicCreated, ClinicDeleted, ClinicUpdated
from app.tenancy.models import Clinic
from app.tenancy.settings import ClinicSettings


def create_clinic(*, name: str, subdomain: str, settings: dict[str, Any] | None = None, **columns: Any) -> Clinic:
    """A new clinic; needs all_tenants(). Raises Conflict where the subdomain is taken, Invalid for wrong settings."""
    clinic = Clinic(name=name, subdomain=subdomain, settings_json=check_settings(settings or {}), **columns)
    try:
        with db.session.begin_nested():
            db.session.add(clinic)
            db.session.flush()
    except IntegrityError:
        raise Conflict(_("This subdomain is taken."), code="SUBDOMAIN_TAKEN") from None
    publish(ClinicCreated(clinic_id=clinic.id), clinic_id=clinic.id)
    return clinic


def update_clinic(clinic: Clinic, settings: dict[str, Any] | None = None, **changes: Any) -> Clinic:
    """Change a clinic; `settings` replaces the named settings and keeps the others. Raises Invalid."""
    for name, value in changes.items():
        setattr(clinic, name, value)
    if settings is not None:
        clinic.settings_json = check_settings({**clinic.settings_json, **settings})
        if has_app_context():
            g.pop("clinic_settings", None)
    publish(ClinicUpdated(clinic_id=clinic.id), clinic_id=clinic.id)
    return clinic


def archive_clinic(clinic: Clinic) -> None:
    """Close a clinic: nobody can enter it, its data stays."""
    clinic.archived = True
    publish(ClinicDeleted(clinic_id=clinic.id), clinic_id=clinic.id)


def check_settings(values: dict[str, Any]) -> dict[str, Any]:
    """The settings as stored: only what differs in kind is refused. Raises Invalid with a text per setting."""
    try:
        return ClinicSettings.model_validate(values).model_dump(mode="json", exclude_defaults=True)
    except ValidationError as error:
        raise Invalid(_("Please check the settings."), fields=fields_of(error, values)) from None
