"""The code that a patient shows at the kiosk, as a QR code or typed: which visit of which clinic, until when, signed.

48 octets in Base32, so that a scanner types it the same on every keyboard and the QR code stays small: the clinic, the
visit, the second in which it ends, and the first 96 bits of a MAC over these.
"""

from __future__ import annotations

import base64
import binascii
import io
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import segno
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import select

from app.core import clock
from app.core.crypto import Signer, same
from app.core.errors import AppError, Conflict
from app.core.files import StoredFile, store_file
from app.core.tenant import db, require_clinic
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.queries.slots import local_day
from app.tenancy.queries import settings_in_scope
from config import get_settings

PURPOSE = "check-in code"
KIND = "visit-check-in"
PIXELS = 6  # a module of the picture: readable from a phone's screen
MAC_BYTES = 12
BODY = struct.Struct(">16s16sI")
EXPECTED = (AppointmentStatus.SCHEDULED, AppointmentStatus.CONFIRMED, AppointmentStatus.CHECKED_IN)


class CodeRefused(AppError):
    """422: the code is not one of ours, or not for here and now; the message tells the patient what to do."""

    status = 422
    code = "CODE_REFUSED"


@dataclass(frozen=True, slots=True)
class CheckInCode:
    """What a genuine code says."""

    clinic_id: str
    appointment_id: str
    expires_at: datetime


def check_in_code(visit: Appointment) -> str:
    """The code of a visit, good until the end of its day in the clinic's zone. Raises Conflict for one that is over."""
    if visit.status not in EXPECTED:
        raise Conflict(_("There is nothing to check in to: this visit is not coming up."), code="VISIT_NOT_EXPECTED")
    return code_of(visit)


def code_of(visit: Appointment) -> str:
    """The same whatever became of the visit: the kiosk and the patient's page look at that themselves."""
    body = BODY.pack(UUID(require_clinic()).bytes, UUID(visit.id).bytes, int(end_of_day(visit.starts_at).timestamp()))
    return base64.b32encode(body + _mac(body)).decode().rstrip("=")


def end_of_day(moment: datetime) -> datetime:
    """The midnight after a moment, in the clinic's zone."""
    zone = ZoneInfo(settings_in_scope().zone)
    following = moment.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(following, time(), zone).astimezone(UTC)


def read_code(typed: str) -> CheckInCode:
    """What the code says, of whatever clinic; also from a link that ends with it. Raises CodeRefused."""
    text = "".join(typed.rstrip("/ \n").rpartition("/")[2].split()).upper()
    try:
        octets = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        octets = b""
    body, mac = octets[: BODY.size], octets[BODY.size :]
    if len(body) != BODY.size or not same(_mac(body), mac):
        raise CodeRefused(_("We do not know this code. Please ask at the desk."), code="CODE_UNKNOWN")
    clinic, visit, expires = BODY.unpack(body)
    code = CheckInCode(str(UUID(bytes=clinic)), str(UUID(bytes=visit)), datetime.fromtimestamp(expires, UTC))
    if code.expires_at <= clock.now():
        raise CodeRefused(_("This code has expired. Please ask at the desk."), code="CODE_EXPIRED")
    return code


def address_of(code: str) -> str:
    """The page that shows the code to the patient who has it."""
    return f"{get_settings().base_url}/check-in/{code}"


def stored_qr(visit: Appointment) -> StoredFile:
    """The QR code as a picture for a message: one per time of the visit."""
    name = f"check-in-{local_day(visit.starts_at)}.png"
    known = select(StoredFile).where(StoredFile.kind == KIND, StoredFile.owner_id == visit.id, StoredFile.name == name)
    return db.session.scalar(known.limit(1)) or store_file(KIND, visit.id, name, "image/png", _qr_png(code_of(visit)))


def _qr_png(code: str) -> bytes:
    drawn = io.BytesIO()
    segno.make(code, error="m", boost_error=False).save(drawn, kind="png", border=3, scale=PIXELS)
    return drawn.getvalue()


def qr_svg(code: str) -> Markup:
    """The QR code as an SVG element that takes its size from the page."""
    drawn = io.BytesIO()
    segno.make(code, error="m", boost_error=False).save(
        drawn, kind="svg", xmldecl=False, border=3, omitsize=True, svgclass="qr-code", lineclass=None
    )
    return Markup(drawn.getvalue().decode().strip())  # noqa: S704 - a path of numbers, nothing of the text itself


def _mac(body: bytes) -> bytes:
    return Signer(get_settings().secret_key.get_secret_value().encode()).mac(PURPOSE, body)[:MAC_BYTES]
