"""A patient's photograph: drawn anew and small, so that nothing hides in it (camera position, scripts)."""

from __future__ import annotations

import io

from flask_babel import gettext as _

from app.core.errors import Invalid
from app.core.files import StoredFile, store_file
from app.core.tenant import db
from app.events.services import publish
from app.people.events import PatientUpdated
from app.people.models import Patient

LARGEST_BYTES = 5 * 1024 * 1024
SIDE = 480


def set_photo(patient: Patient, content: bytes) -> StoredFile:
    """Replace the photograph. Raises Invalid for what is no picture or too large."""
    stored = store_file("patient-photo", patient.id, "photo.jpg", "image/jpeg", _redrawn(content))
    old = db.session.get(StoredFile, patient.photo_id) if patient.photo_id else None
    patient.photo_id = stored.id
    db.session.flush()
    if old is not None:
        db.session.delete(old)
    publish(PatientUpdated(patient_id=patient.id))
    return stored


def _redrawn(content: bytes) -> bytes:
    from app.core.pictures import LARGEST_PIXELS, TooLargePicture, UnusablePicture, reduced  # loads Pillow

    if len(content) > LARGEST_BYTES:
        raise Invalid(fields={"photo": _("A photograph has at most %(limit)s MB.", limit=LARGEST_BYTES // 1024**2)})
    try:
        upright = reduced(content, SIDE)
    except TooLargePicture:
        text = _("A photograph is one still picture of at most %(limit)s megapixels.", limit=LARGEST_PIXELS // 10**6)
        raise Invalid(fields={"photo": text}) from None
    except UnusablePicture:
        raise Invalid(fields={"photo": _("A photograph is a JPEG, PNG or WebP picture.")}) from None
    drawn = io.BytesIO()
    upright.save(drawn, "JPEG", quality=85)
    return drawn.getvalue()
