"""A patient's photograph: drawn anew and small, so that nothing hides in it (camera position, scripts)."""

from __future__ import annotations

import io

from flask_babel import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from app.core.errors import Invalid
from app.core.files import StoredFile, store_file
from app.core.tenant import db
from app.events.services import publish
from app.people.events import PatientUpdated
from app.people.models import Patient

LARGEST_BYTES = 5 * 1024 * 1024
LARGEST_PIXELS = 40_000_000
SIDE = 480
FORMATS = ("JPEG", "PNG", "WEBP")


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
    if len(content) > LARGEST_BYTES:
        raise Invalid(fields={"photo": _("A photograph has at most %(limit)s MB.", limit=LARGEST_BYTES // 1024**2)})
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > LARGEST_PIXELS:
                raise Invalid(fields={"photo": _("This photograph has too many pixels.")})
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise Invalid(fields={"photo": _("A photograph is a JPEG, PNG or WebP picture.")}) from None
    upright.thumbnail((SIDE, SIDE))
    drawn = io.BytesIO()
    upright.save(drawn, "JPEG", quality=85)
    return drawn.getvalue()
