"""Attachments for providers that fetch files themselves: links that open one file for a day."""

from __future__ import annotations

from datetime import timedelta

from app.core import clock
from app.core.crypto import LinkExpired, LinkInvalid, Signer
from app.core.errors import NotFound
from app.core.files import StoredFile
from app.core.tenant import db, require_clinic
from config import get_settings

PURPOSE = "message-file"
VALID_FOR = timedelta(hours=24)


def file_url(file_id: str) -> str:
    """Where anybody who has the link fetches the file."""
    token = _signer().sign_link(PURPOSE, f"{require_clinic()}:{file_id}", clock.now() + VALID_FOR)
    return f"{get_settings().base_url}/api/messaging/files/{token}"


def read_link(token: str) -> tuple[str, str]:
    """Clinic and file that the link names. Raises NotFound: whoever guesses learns nothing."""
    try:
        clinic_id, _, file_id = _signer().verify_link(PURPOSE, token, now=clock.now()).partition(":")
    except (LinkInvalid, LinkExpired, ValueError):
        raise NotFound from None
    return clinic_id, file_id


def file_with_id(file_id: str) -> StoredFile:
    """Of the clinic in scope. Raises NotFound."""
    found = db.session.get(StoredFile, file_id)
    if found is None:
        raise NotFound
    return found


def _signer() -> Signer:
    return Signer(get_settings().secret_key.get_secret_value().encode())
