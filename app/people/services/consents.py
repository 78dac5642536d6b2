"""What a patient agreed to."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select

from app.core import clock
from app.core.errors import Invalid
from app.core.tenant import db
from app.people.models import Consent, ConsentKind, Patient


def set_consent(patient: Patient, kind: str, given: bool) -> Consent | None:
    """Give or withdraw a consent; what was given stays on record. Twice is once. Raises Invalid.

    The consent that stands, or that was withdrawn just now.
    """
    if kind not in set(ConsentKind):
        raise Invalid(fields={f"consents.{kind}": _("There is no such consent.")})
    standing = select(Consent).where(
        Consent.patient_id == patient.id, Consent.kind == kind, Consent.withdrawn_at.is_(None)
    )
    found = list(db.session.scalars(standing.order_by(Consent.given_at)))  # of merged records there are two
    consent = found[0] if found else None
    if given and consent is None:
        consent = Consent(patient_id=patient.id, kind=kind)
        db.session.add(consent)
    elif not given:
        for one in found:
            one.withdrawn_at = clock.now()
    db.session.flush()
    db.session.expire(patient, ["consents"])
    return consent
