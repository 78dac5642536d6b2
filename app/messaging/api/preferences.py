"""How a person wants to be written to."""

from __future__ import annotations

from datetime import time
from typing import Any

from pydantic import Field
from sqlalchemy import text

from app.core.api import Api, Body, endpoint
from app.core.errors import NotFound
from app.core.principal import current_principal, own_patient_id
from app.core.tenant import db
from app.messaging.models import MessagePreference
from app.messaging.preferences import MUTABLE, find_preference, set_preference

OF_PATIENT = "/patients/<id:patient_id>/message-preferences"


class PreferenceBody(Body):
    """`muted`: channels on which nothing but critical messages is wanted. Quiet hours in `zone`, else the clinic's."""

    muted: list[str] = Field(default_factory=list, max_length=len(MUTABLE))
    quiet_from: time | None = None
    quiet_until: time | None = None
    zone: str | None = Field(None, max_length=64)
    digest: bool = False


class PreferenceApi(Api):
    """My own wishes, and those that a patient tells the desk."""

    openapi_tag = "Notifications"

    @endpoint("GET", "/notifications/preferences", resource="notification", action="read")
    def mine(self) -> dict[str, Any]:
        """How I want to be written to."""
        return _show(find_preference(**_myself()))

    @endpoint("PUT", "/notifications/preferences", resource="notification", action="update", body=PreferenceBody)
    def set_mine(self, body: PreferenceBody) -> dict[str, Any]:
        """Say how I want to be written to."""
        return _show(set_preference(**_myself(), **body.model_dump()))

    @endpoint("GET", OF_PATIENT, resource="patient", action="read")
    def of_patient(self, patient_id: str) -> dict[str, Any]:
        """How a patient wants to be written to."""
        _check_patient(patient_id)
        return _show(find_preference(patient_id=patient_id))

    @endpoint("PUT", OF_PATIENT, resource="patient", action="update", body=PreferenceBody)
    def set_of_patient(self, patient_id: str, body: PreferenceBody) -> dict[str, Any]:
        """Keep how a patient wants to be written to."""
        _check_patient(patient_id)
        return _show(set_preference(patient_id=patient_id, **body.model_dump()))


def _myself() -> dict[str, Any]:
    patient_id = own_patient_id()
    if patient_id is not None:
        _check_patient(patient_id)
    return {"patient_id": patient_id, "user_id": None if patient_id else current_principal().user_id}


def _check_patient(patient_id: str) -> None:
    """Patients are a higher slice's rows, and a patient's own one is all that they reach. Raises NotFound."""
    own = own_patient_id()
    known = db.session.scalar(text("select id from patient where id = :id"), {"id": patient_id})
    if known is None or own not in (None, patient_id):
        raise NotFound


def _show(row: MessagePreference | None) -> dict[str, Any]:
    return {
        "muted": row.muted if row else [],
        "quietFrom": _clock(row.quiet_from) if row else None,
        "quietUntil": _clock(row.quiet_until) if row else None,
        "zone": row.zone if row else None,
        "digest": row.digest if row else False,
    }


def _clock(value: time | None) -> str | None:
    return f"{value:%H:%M}" if value else None
