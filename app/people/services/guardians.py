"""Who speaks for a patient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic.alias_generators import to_camel
from sqlalchemy import select

from app.core.errors import Invalid
from app.core.tenant import db
from app.people.demographics import read_all
from app.people.models import Guardian, Patient
from app.tenancy.queries import settings_in_scope


def set_guardians(patient: Patient, guardians: Iterable[dict[str, Any]]) -> None:
    """Replace who speaks for the patient. Raises Invalid."""
    rows = [Guardian(patient_id=patient.id, **_readable(values)) for values in guardians]
    for old in db.session.scalars(select(Guardian).where(Guardian.patient_id == patient.id)):
        db.session.delete(old)
    db.session.add_all(rows)
    db.session.flush()
    db.session.expire(patient, ["guardians"])


def add_guardian(patient: Patient, **values: Any) -> Guardian:
    """Raises Invalid."""
    guardian = Guardian(patient_id=patient.id, **_readable(values))
    db.session.add(guardian)
    db.session.flush()
    return guardian


def save_guardian(guardian: Guardian, **changes: Any) -> None:
    """Raises Invalid."""
    for name, value in _readable(changes).items():
        setattr(guardian, name, value)


def _readable(values: dict[str, Any]) -> dict[str, Any]:
    read, problems = read_all(values, settings_in_scope().phone_region)
    if problems:
        raise Invalid(fields={f"guardians.{to_camel(name)}": text for name, text in problems.items()})
    return read
