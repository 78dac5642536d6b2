"""Kiosks: making and revoking their links, and what a patient can do at one. Callers commit."""

from __future__ import annotations

from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy import select

from app.core import clock
from app.core.errors import AppError, NotFound
from app.core.public_links import hash_of, new_token
from app.core.tenant import db, require_clinic
from app.people.models import Patient
from app.queueing.models import Kiosk, PriorityClass, QueueToken
from app.queueing.queries.queues import today
from app.queueing.services.arrival import arrive
from app.queueing.services.check_in_codes import CodeRefused, read_code
from app.scheduling.models import Appointment
from app.scheduling.queries import find_appointment, local_day
from app.tenancy.models import Location
from config import get_settings

ELDERLY_FROM_YEARS = 65


def make_link(kiosk: Kiosk) -> str:
    """A new address for the kiosk, known now and never again; the one before leads nowhere from now on."""
    token = new_token()
    kiosk.token_hash = hash_of(token)
    db.session.flush()
    return f"{get_settings().base_url}/kiosk/{token}"


def revoke_link(kiosk: Kiosk) -> None:
    """Whoever still has the kiosk's page open can do nothing with it."""
    kiosk.token_hash = None
    db.session.flush()


def get_kiosk(kiosk_id: str) -> Kiosk:
    """Raises NotFound."""
    kiosk = db.session.scalar(select(Kiosk).where(Kiosk.id == kiosk_id))
    if kiosk is None:
        raise NotFound
    return kiosk


def kiosk_of_token(token: str) -> Kiosk:
    """The kiosk of a link of the clinic in scope. Raises NotFound for a link that was revoked or never was."""
    kiosk = db.session.scalar(select(Kiosk).where(Kiosk.token_hash == hash_of(token)))
    if kiosk is None:
        raise NotFound
    return kiosk


def check_in_at(kiosk: Kiosk, typed: str) -> QueueToken:
    """The token of the visit that a code names; a second time the same token. Raises CodeRefused."""
    code = read_code(typed)
    if code.clinic_id != require_clinic():
        raise CodeRefused(_("This code belongs to another clinic. Please ask at the desk."), code="ANOTHER_CLINIC")
    visit = find_appointment(code.appointment_id)
    if visit is None:
        raise CodeRefused(_("We do not know this code. Please ask at the desk."), code="CODE_UNKNOWN")
    _check_day_and_place(visit, kiosk)
    kiosk.last_used_at = clock.now()
    try:
        return arrive(visit.id, class_of(visit.patient))[1]
    except AppError as refusal:
        raise CodeRefused(_("Please go to the desk to check in."), code="ASK_AT_DESK") from refusal


def _check_day_and_place(visit: Appointment, kiosk: Kiosk) -> None:
    day = local_day(visit.starts_at)
    if day != today():
        message = _("This visit is on %(day)s, not today. Please ask at the desk.", day=format_date(day, "long"))
        raise CodeRefused(message, code="ANOTHER_DAY")
    if visit.location_id != kiosk.location_id:
        place = db.session.scalar(select(Location.name).where(Location.id == visit.location_id))
        message = _("This visit is at %(place)s. Please ask at the desk.", place=place)
        raise CodeRefused(message, code="ANOTHER_PLACE")


def class_of(patient: Patient) -> PriorityClass:
    """Nobody looks at the patient here: age alone is known."""
    born = patient.date_of_birth
    if born is None:
        return PriorityClass.BOOKED
    now = today()
    years = now.year - born.year - ((now.month, now.day) < (born.month, born.day))
    return PriorityClass.ELDERLY if years >= ELDERLY_FROM_YEARS else PriorityClass.BOOKED
